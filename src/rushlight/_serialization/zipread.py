"""Reader of checkpoint archives: a strict subset of zip.

Exactly one interpretation of the bytes is accepted. The archive starts at byte 0 with its first
entry and ends with the end record; entries follow one another without overlap or foreign bytes;
names are unique and lie under one root folder; data is stored, not compressed; the header of each
entry repeats what the central directory says; the CRC-32 of what is read is checked.
"""

from __future__ import annotations

from struct import unpack_from
from typing import NamedTuple

from .errors import LoadError
from .source import Source

MAX_ENTRIES = 1_000_000
# entries that are no storages: data.pkl, version, byteorder ..., and room for later ones
OTHER_ENTRIES = 32
_LOCAL, _CENTRAL, _DESCRIPTOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x07\x08"
_END, _END64, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_U16, _U32 = 0xFFFF, 0xFFFFFFFF
# bit 0: encrypted, 5: patch, 6: strong encryption, 13: masked headers
_REFUSED_FLAGS = 1 << 0 | 1 << 5 | 1 << 6 | 1 << 13


class Entry(NamedTuple):
    """One stored file of the archive."""

    name: str
    offset: int  # of the local header
    size: int
    crc: int
    flags: int


class ZipReader:
    """Records of an archive by their name below the root folder."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.name = source.name
        self.root = ""
        self.check_crc = True
        self.entries: dict[str, Entry] = {}
        self._data_offsets: dict[str, int] = {}
        start, size, count = self._find_directory()
        entries = self._read_directory(start, size, count)
        used = sum(name.startswith("data/") for name in self.entries)
        if count > 4 * used + OTHER_ENTRIES:
            raise self._refuse(f"{count} entries for at most {used} tensors")
        self._check_order(entries, start)

    def _refuse(self, reason: str, record: str | None = None) -> LoadError:
        return LoadError(reason, self.name, record)

    # --- central directory ------------------------------------------------------------------------

    def _find_directory(self) -> tuple[int, int, int]:
        """Offset, size and number of entries of the central directory."""
        size = self.source.size
        if size < 22:
            raise self._refuse(f"truncated: the file has {size} bytes, an archive at least 22")
        end_at = size - 22
        end = self.source.read(end_at, 22)
        if bytes(end[:4]) != _END:
            raise self._refuse(
                f"truncated or followed by foreign bytes: the last 22 of {size} bytes are not the "
                "end record of a zip archive"
            )
        disk, cd_disk, here, count, cd_size, cd_at, comment = unpack_from("<4H2IH", end, 4)
        if comment or disk not in (0, _U16) or cd_disk not in (0, _U16):
            raise self._refuse("the end record names a comment or several disks")
        records_end = end_at
        locator = self.source.read(end_at - 20, 20) if end_at >= 20 else b""
        if bytes(locator[:4]) == _LOCATOR:
            end64_at = unpack_from("<Q", locator, 8)[0]
            if end64_at != end_at - 20 - 56:
                raise self._refuse("the zip64 end record is not where it must be")
            end64 = self.source.read(end64_at, 56)
            if bytes(end64[:4]) != _END64 or unpack_from("<Q", end64, 4)[0] != 44:
                raise self._refuse("the zip64 end record is damaged")
            wide = unpack_from("<2I4Q", end64, 16)
            narrow = (disk, cd_disk, here, count, cd_size, cd_at)
            limits = (_U16, _U16, _U16, _U16, _U32, _U32)
            for value, short, limit in zip(wide, narrow, limits):
                if short not in (value, limit):
                    raise self._refuse("the two end records of the archive differ")
            disk, cd_disk, here, count, cd_size, cd_at = wide
            records_end = end64_at
        if disk or cd_disk or here != count:
            raise self._refuse("the archive claims to span several disks")
        if count > MAX_ENTRIES:
            raise self._refuse(f"{count} entries, more than the limit of {MAX_ENTRIES}")
        if cd_at + cd_size != records_end or count * 46 > cd_size:
            raise self._refuse(
                f"central directory at {cd_at} with {cd_size} bytes for {count} entries does not "
                f"end where the end record begins ({records_end})"
            )
        return cd_at, cd_size, count

    def _read_directory(self, start: int, size: int, count: int) -> list[Entry]:
        data = self.source.read(start, size)
        at = 0
        entries: list = []
        for _ in range(count):
            if at + 46 > size or bytes(data[at : at + 4]) != _CENTRAL:
                raise self._refuse("the central directory is damaged")
            flags, method = unpack_from("<2H", data, at + 8)
            crc, packed, full, n_name, n_extra, n_comment = unpack_from("<3I3H", data, at + 16)
            disk, offset = unpack_from("<H", data, at + 34)[0], unpack_from("<I", data, at + 42)[0]
            stop = at + 46 + n_name + n_extra + n_comment
            if stop > size:
                raise self._refuse("the central directory is damaged")
            name = self._decode_name(bytes(data[at + 46 : at + 46 + n_name]))
            extra = bytes(data[at + 46 + n_name : at + 46 + n_name + n_extra])
            if _U32 in (packed, full, offset):
                full, packed, offset = _widen(extra, full, packed, offset, self._refuse, name)
            if flags & _REFUSED_FLAGS:
                raise self._refuse("the entry is encrypted or patched", name)
            if method or packed != full:
                raise self._refuse("the entry is compressed; only stored entries are read", name)
            if disk or n_comment:
                raise self._refuse("the entry names a comment or another disk", name)
            self._add(Entry(name, offset, full, crc, flags), entries)
            at = stop
        if at != size:
            raise self._refuse("foreign bytes in the central directory")
        if not entries:
            raise self._refuse("the archive is empty")
        return entries

    def _decode_name(self, raw: bytes) -> str:
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self._refuse(f"entry name {raw!r} is not UTF-8") from None
        parts = name.split("/")
        bad = any(p in ("", ".", "..") for p in parts) or "\\" in name or "\0" in name
        if bad or len(parts) < 2 or not name.isprintable():
            raise self._refuse(f"entry name {name!r} is not allowed")
        return name

    def _add(self, entry: Entry, entries: list[Entry]) -> None:
        root, _, inner = entry.name.partition("/")
        if entries and root != self.root:
            raise self._refuse(f"entries under two folders, {self.root!r} and {root!r}")
        self.root = root
        if inner in self.entries:
            raise self._refuse("the name appears twice in the archive", entry.name)
        self.entries[inner] = entry
        entries.append(entry)

    # --- entries ----------------------------------------------------------------------------------

    def _check_order(self, entries: list[Entry], end: int) -> None:
        """Entries must fill the file from byte 0 to the central directory, one after the other."""
        expected = 0
        for entry in sorted(entries, key=lambda e: e.offset):
            if entry.offset != expected:
                what = "overlaps the one before" if entry.offset < expected else "leaves a hole"
                raise self._refuse(
                    f"the entry at byte {entry.offset} {what} (expected at {expected})", entry.name
                )
            if entry.offset + 30 > end:
                raise self._refuse("the entry lies outside the file", entry.name)
            data_at = self._local_header(entry)
            stop = data_at + entry.size
            if stop > end:
                raise self._refuse(
                    f"the entry claims {entry.size} bytes at {data_at}, past the data part's end "
                    f"({end})",
                    entry.name,
                )
            expected = stop + self._descriptor_length(entry, stop, end)
        if expected != end:
            raise self._refuse(f"foreign bytes between entries and directory (byte {expected})")

    def _local_header(self, entry: Entry) -> int:
        """Compare the entry's own header with the directory; return where its data begins."""
        name = entry.name.encode("utf-8")
        header = self.source.read(entry.offset, 30 + len(name))
        if bytes(header[:4]) != _LOCAL:
            raise self._refuse("no entry header where the directory says", entry.name)
        flags, method, _, _, crc, packed, full, n_name, n_extra = unpack_from("<4H3I2H", header, 6)
        if n_name != len(name) or bytes(header[30:]) != name:
            raise self._refuse("the entry's own header gives it another name", entry.name)
        later = bool(flags & 8)  # sizes and CRC follow the data
        fits = (
            flags == entry.flags
            and method == 0
            and (crc == entry.crc or (later and crc == 0))
            and (full in (entry.size, _U32) or (later and full == 0))
            and (packed in (entry.size, _U32) or (later and packed == 0))
        )
        if not fits:
            raise self._refuse("the entry's own header and the directory differ", entry.name)
        data_at = entry.offset + 30 + n_name + n_extra
        self._data_offsets[entry.name] = data_at
        return data_at

    def _descriptor_length(self, entry: Entry, at: int, end: int) -> int:
        if not entry.flags & 8:
            return 0
        room = self.source.read(at, min(24, end - at))
        signed = bytes(room[:4]) == _DESCRIPTOR
        for form in ("<IQQ", "<III"):
            skip = 4 if signed else 0
            length = skip + (20 if form == "<IQQ" else 12)
            if len(room) >= length:
                if unpack_from(form, room, skip) == (entry.crc, entry.size, entry.size):
                    return length
        raise self._refuse("the data descriptor and the directory differ", entry.name)

    # --- records ----------------------------------------------------------------------------------

    def has(self, record: str) -> bool:
        return record in self.entries

    def _entry(self, record: str) -> Entry:
        entry = self.entries.get(record)
        if entry is None:
            raise self._refuse("the archive has no such record", record)
        return entry

    def size_of(self, record: str) -> int:
        return self._entry(record).size

    def data_offset(self, record: str) -> int:
        """Position of the record's first byte in the file."""
        return self._data_offsets[self._entry(record).name]

    def read(self, record: str, limit: int | None = None) -> bytes | bytearray:
        """The bytes of a record; refused when longer than ``limit``."""
        size = self.size_of(record)
        if limit is not None and size > limit:
            raise self._refuse(f"{size} bytes, more than the {limit} allowed here", record)
        out = bytearray(size)
        self.read_into(record, memoryview(out))
        return out

    def read_into(self, record: str, out: memoryview) -> None:
        """Fill ``out`` with a record of exactly its size, checking the CRC-32."""
        entry = self._entry(record)
        crc = self.source.read_checked(self.data_offset(record), out)
        if crc != entry.crc and self.check_crc:
            raise self._refuse(
                f"the bytes are damaged: CRC-32 is {crc:08x}, recorded was {entry.crc:08x}", record
            )


def _widen(extra, full, packed, offset, refuse, name):
    """Replace 32-bit values at their limit by the 64-bit ones of the zip64 extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = unpack_from("<2H", extra, at)
        if kind == 1:
            body = extra[at + 4 : at + 4 + length]
            values = iter(unpack_from(f"<{len(body) // 8}Q", body))
            try:
                return tuple(next(values) if v == _U32 else v for v in (full, packed, offset))
            except RuntimeError:
                break
        at += 4 + length
    raise refuse("a 64-bit size is missing", name)
