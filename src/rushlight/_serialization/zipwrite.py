"""Writer of checkpoint archives, laid out byte for byte as PyTorch lays them out.

Every record is stored, begins at a multiple of 64 bytes and, unless it is empty, is followed by a
data descriptor, so that the archive can be written as a stream without seeking.
"""

from __future__ import annotations

from struct import pack
from typing import Any

ALIGNMENT = 64
_U32 = 0xFFFFFFFF
_UTF8, _DESCRIPTOR_FOLLOWS = 1 << 11, 1 << 3


class ZipWriter:
    """Writes records through ``write``, a function that takes bytes-like pieces in order."""

    def __init__(self, write: Any, root: str, compute_crc: bool = True) -> None:
        self._write = write
        self._root = root
        self._crc = compute_crc
        self._at = 0
        # name, offset, size, crc
        self._directory: list[tuple[bytes, int, int, int]] = []

    def _put(self, data: Any, length: int) -> None:
        self._write(data)
        self._at += length

    def _begin(self, name: bytes, size: int) -> int:
        """Write the header of a record; return where the header begins."""
        start = self._at
        wide = b""
        if size >= _U32 or start >= _U32:
            values = ((size, size) if size >= _U32 else ()) + ((start,) if start >= _U32 else ())
            wide = pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values)
        unpadded = start + 30 + len(name) + len(wide) + 4
        padding = -unpadded % ALIGNMENT
        extra = wide + b"FB" + pack("<H", padding) + b"Z" * padding
        narrow = _U32 if size >= _U32 else 0
        header = b"PK\x03\x04" + pack(
            "<5H3I2H", 0, _flags(size), 0, 0, 0, 0, narrow, narrow, len(name), len(extra)
        )
        self._put(header + name + extra, len(header) + len(name) + len(extra))
        return start

    def record(self, name: str, data: Any) -> None:
        """Append one record; ``data`` has the buffer protocol and is written without a copy."""
        view = memoryview(data).cast("B")
        full = f"{self._root}/{name}".encode()
        start = self._begin(full, view.nbytes)
        crc = 0
        if view.nbytes:
            crc = self._body(view)
            form = "<QQ" if view.nbytes >= _U32 or start >= _U32 else "<II"
            tail = b"PK\x07\x08" + pack("<I", crc) + pack(form, view.nbytes, view.nbytes)
            self._put(tail, len(tail))
        self._directory.append((full, start, view.nbytes, crc))

    def _body(self, view: memoryview) -> int:
        from zlib import crc32

        if not self._crc:
            self._put(view, view.nbytes)
            return 0
        if view.nbytes < 1 << 21:
            self._put(view, view.nbytes)
            return crc32(view)
        # the checksum of a large record is made while the system takes the bytes
        from threading import Thread

        result: list[int] = []
        worker = Thread(target=lambda: result.append(crc32(view)))
        try:
            worker.start()
        except (
            RuntimeError
        ):  # no thread to be had: the interpreter is ending, or a limit is reached
            self._put(view, view.nbytes)
            return crc32(view)
        try:
            self._put(view, view.nbytes)
        finally:
            worker.join()
        return result[0]

    def finish(self) -> None:
        """Write the last two records, the central directory and the end records."""
        self.record("version", b"3\n")
        self.record(".data/serialization_id", self._serialization_id())
        start = self._at
        for name, offset, size, crc in self._directory:
            wide = [v for v in (size, size, offset) if v >= _U32]
            extra = pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
            short = min(size, _U32)
            entry = b"PK\x01\x02" + pack(
                "<6H3I5H2I",
                *(0, 0, _flags(size), 0, 0, 0),
                *(crc, short, short),
                *(len(name), len(extra), 0, 0, 0),
                *(0, min(offset, _U32)),
            )
            self._put(entry + name + extra, len(entry) + len(name) + len(extra))
        self._end_records(start, self._at - start)

    def _end_records(self, start: int, size: int) -> None:
        count = len(self._directory)
        end64_at = self._at
        end = b"PK\x06\x06" + pack("<Q2H2I4Q", 44, 0x031E, 45, 0, 0, count, count, size, start)
        end += b"PK\x06\x07" + pack("<IQI", 0, end64_at, 1)
        short = min(count, 0xFFFF)
        end += b"PK\x05\x06" + pack(
            "<4H2IH", 0, 0, short, short, min(size, _U32), min(start, _U32), 0
        )
        self._put(end, len(end))

    def _serialization_id(self) -> bytes:
        """40 digits that depend on names and contents only."""
        from zlib import crc32

        names = crc32(b"\0".join(name for name, *_ in self._directory))
        contents = 0
        for _, _, size, crc in self._directory:
            contents = (contents * 1_000_003 + crc + size) % 10**20
        return b"%020d%020d" % (names, contents)


def _flags(size: int) -> int:
    return _UTF8 | (_DESCRIPTOR_FOLLOWS if size else 0)
