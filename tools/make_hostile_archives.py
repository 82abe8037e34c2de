"""Make the hostile archives, data files and images that data sets must survive.

`archives()`, `batches()` and `images()` yield them one by one; as a script it writes them into a folder:

    python tools/make_hostile_archives.py DIR

Nothing here uses Rushlight or PyTorch. An entry that escapes would make a file named `ESCAPED`; code that runs would make
`HOSTILE_CODE_RAN`. Bombs grow to some MiB only: the tests lower the limit.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

MIB = 1 << 20


class Case(NamedTuple):
    """A file, and a piece of the message that refuses it."""

    name: str
    data: bytes
    suffix: str
    reason: str


# --- tar ------------------------------------------------------------------------------------------


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def tar(*entries: tuple[tarfile.TarInfo, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for info, data in entries:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, kind, to), b""


def file(name: str, data: bytes = b"escaped") -> tuple[tarfile.TarInfo, bytes]:
    return member(name), data


def folder(name: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, tarfile.DIRTYPE), b""


def long_path_link() -> bytes:
    """A chain of links whose resolved path is longer than the system's limit, so that a check by realpath stops early."""
    entries, path = [], ""
    step = "d" * 247
    for letter in "abcdefghijklmnop":
        entries += [folder(path + step), link(path + letter, step)]
        path += step + "/"
    steps = "/".join("abcdefghijklmnop")
    entries += [
        link(f"{steps}/{'l' * 254}", "../" * 16),
        link("escape", f"{steps}/{'l' * 254}/../../outside"),
        file("escape/ESCAPED"),
    ]
    return tar(*entries)


def headers_without_data(name: str, size: int, kind: bytes) -> bytes:
    """One header that claims `size` bytes, with zeros after it (gzip makes them small)."""
    return member(name, kind, size=size).tobuf(tarfile.GNU_FORMAT)


def tars() -> Iterator[Case]:
    links = "no links or devices"
    yield Case("parent", tar(file("../ESCAPED")), ".tar", "'..' leads out")
    yield Case("parent within", tar(file("a/../../ESCAPED")), ".tar", "'..' leads out")
    yield Case("parent folder", tar(folder("../outside")), ".tar", "'..' leads out")
    yield Case("absolute", tar(file("/tmp/ESCAPED")), ".tar", "an absolute path")
    yield Case("symlink, then through it", tar(link("a", ".."), file("a/ESCAPED")), ".tar", links)
    yield Case("symlink to a file", tar(link("a", "../ESCAPED"), file("a")), ".tar", links)
    yield Case("hard link out", tar(link("a", "../secret", tarfile.LNKTYPE)), ".tar", links)
    yield Case("fifo", tar(link("a", "", tarfile.FIFOTYPE)), ".tar", links)
    yield Case("character device", tar(link("a", "", tarfile.CHRTYPE)), ".tar", links)
    yield Case("block device", tar(link("a", "", tarfile.BLKTYPE)), ".tar", links)
    yield Case("long path symlink", long_path_link(), ".tar", links)
    yield Case("backslash", tar(file("..\\ESCAPED")), ".tar", "a backslash")
    yield Case("drive letter", tar(file("C:/ESCAPED")), ".tar", "a drive letter")
    yield Case("file over folder", tar(file("a/b"), file("a")), ".tar", "a folder of this name")
    yield Case("folder over file", tar(file("a"), file("a/b")), ".tar", "is not a folder")
    yield Case("long name", tar(file("a/" * 2000 + "b")), ".tar", "characters, the limit is")
    good = tar(file("a", b"x" * 2000), file("b", b"y" * 2000))
    yield Case("cut in the data", good[:3000], ".tar", "damaged archive")
    yield Case("cut in a header", good[: 512 + 2048 + 100], ".tar", "damaged archive")
    damaged = bytearray(good)
    damaged[512 + 2048 + 150] ^= 0xFF
    yield Case("damaged second header", bytes(damaged), ".tar", "damaged archive")
    yield Case("text", b"this is no archive, but a line of text\n" * 50, ".tar", "damaged archive")
    yield Case("empty", b"", ".tar", "damaged archive")
    yield Case("html", b"<!DOCTYPE html><html>" + b" " * 600, ".tar.gz", "damaged archive")
    for suffix, pack in (
        (".tar.gz", gzip.compress),
        (".tar.bz2", bz2.compress),
        (".tar.xz", lzma.compress),
    ):
        whole = pack(good)
        yield Case(f"cut{suffix}", whole[: len(whole) * 2 // 3], suffix, "damaged archive")
    sparse = headers_without_data("a", 1 << 40, tarfile.GNUTYPE_SPARSE)
    yield Case("sparse", sparse + bytes(4096), ".tar", "damaged archive|no links or devices")
    yield from tar_bombs()


def tar_bombs() -> Iterator[Case]:
    zeros = tar(file("zeros", bytes(6 * MIB)))
    yield Case("gzip bomb", gzip.compress(zeros, 6), ".tar.gz", "grows beyond")
    yield Case("xz bomb", lzma.compress(zeros, preset=0), ".tar.xz", "grows beyond")
    many = tar(*(file(str(n), bytes(MIB)) for n in range(10)))
    yield Case("bomb of ten", gzip.compress(many, 1), ".tar.gz", "grows beyond")
    long_name = headers_without_data("././@LongLink", 1 << 33, tarfile.GNUTYPE_LONGNAME)
    yield Case(
        "name of 8 GiB", gzip.compress(long_name + bytes(4 * MIB), 1), ".tar.gz", "header of"
    )
    pax = headers_without_data("pax", 1 << 33, tarfile.XHDTYPE)
    yield Case(
        "attributes of 8 GiB", gzip.compress(pax + bytes(4 * MIB), 1), ".tar.gz", "header of"
    )


# --- zip ------------------------------------------------------------------------------------------


def zipped(
    *entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def renamed(name: bytes, to: bytes, *entries: tuple[str, bytes]) -> bytes:
    """An archive whose names zipfile would not write: replaced afterwards, at equal length."""
    assert len(name) == len(to)
    return zipped(*entries).replace(name, to)


def local(name: bytes, packed: bytes, size: int, crc: int) -> bytes:
    head = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(packed), size, len(name), 0)
    return head + name + packed


def central(name: bytes, packed: int, size: int, crc: int, offset: int) -> bytes:
    head = struct.pack(
        "<4s6H3I5H2I",
        b"PK\1\2",
        20,
        20,
        0,
        8,
        0,
        0,
        crc,
        packed,
        size,
        len(name),
        0,
        0,
        0,
        0,
        0,
        offset,
    )
    return head + name


def end(count: int, size: int, offset: int) -> bytes:
    return struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, size, offset, 0)


def overlapping(count: int = 50) -> bytes:
    """Many entries whose data is the same bytes: each name has a local header of its own in front of the kernel's.

    Every local header but the last is quoted by a stored deflate block of the one before, as in Fifield's bombs.
    """
    kernel = bytes(MIB)
    packed, crc, size = zlib.compressobj(9, zlib.DEFLATED, -15), zlib.crc32(kernel), len(kernel)
    data = packed.compress(kernel) + packed.flush()
    names = [f"{n:04d}".encode() for n in range(count)]
    body, plain = local(names[-1], data, size, crc), kernel
    tail, records = data, [(names[-1], len(data), size, crc, 0)]
    for name in reversed(names[:-1]):
        quote = struct.pack("<BHH", 0, len(body) - len(tail), 0xFFFF ^ (len(body) - len(tail)))
        plain = body[: len(body) - len(tail)] + plain
        tail = quote + body
        header = local(name, tail, len(plain), zlib.crc32(plain))
        records.append((name, len(tail), len(plain), zlib.crc32(plain), 0))
        body = header
        if len(plain) > 2 * MIB:
            break
    offsets, position = [], 0
    for name, *_ in reversed(records):
        position = body.index(b"PK\3\4", position)
        offsets.append(position)
        position += 30 + len(name)
    directory = b"".join(
        central(name, packed_size, plain_size, check, offset)
        for (name, packed_size, plain_size, check, _), offset in zip(reversed(records), offsets)
    )
    return body + directory + end(len(records), len(directory), len(body))


def shared_entry() -> bytes:
    """Two names for one local header."""
    data = b"x" * 100
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = local(b"a", packer.compress(data) + packer.flush(), len(data), zlib.crc32(data))
    one = central(b"a", len(body) - 31, len(data), zlib.crc32(data), 0)
    return body + one + one.replace(b"a", b"b") + end(2, 2 * len(one), len(body))


def zips() -> Iterator[Case]:
    yield Case("parent", zipped(("../ESCAPED", b"x")), ".zip", "'..' leads out")
    yield Case("absolute", zipped(("/tmp/ESCAPED", b"x")), ".zip", "an absolute path")
    yield Case("parent by backslash", zipped(("..\\ESCAPED", b"x")), ".zip", "a backslash")
    yield Case("drive letter", zipped(("C:ESCAPED", b"x")), ".zip", "a drive letter")
    yield Case("nul", renamed(b"a_ESCAPED", b"a\0ESCAPED", ("a_ESCAPED", b"x")), ".zip", "a NUL")
    twice = renamed(b"b.txt", b"a.txt", ("a.txt", b"1"), ("b.txt", b"2"))
    yield Case("twice", twice, ".zip", "there twice")
    symlink = zipfile.ZipInfo("a")
    symlink.external_attr = 0o120777 << 16
    yield Case("symlink", zipped((symlink, b"..")), ".zip", "no links or devices")
    encrypted = bytearray(zipped(("a", b"x")))
    for signature, place in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        encrypted[encrypted.index(signature) + place] |= 1
    yield Case("encrypted", bytes(encrypted), ".zip", "it is encrypted")
    yield Case(
        "file over folder", zipped(("a/b", b"x"), ("a", b"y")), ".zip", "a folder of this name"
    )
    yield Case("shared bytes", shared_entry(), ".zip", "overlap")
    yield Case("overlapping", overlapping(), ".zip", "overlap")
    good = zipped(("a", b"x" * 3000), method=zipfile.ZIP_STORED)
    flipped = bytearray(good)
    flipped[100] ^= 1
    yield Case("wrong sum", bytes(flipped), ".zip", "damaged archive")
    yield Case("cut", good[:2000], ".zip", "damaged archive")
    yield Case("text", b"no archive", ".zip", "damaged archive")
    unicode = zipped(("\u00e9", b"x")).replace(b"\xc3\xa9", b"\xff\xff")
    yield Case("name not in UTF-8", unicode, ".zip", "damaged archive")
    yield Case("bomb", zipped(("zeros", bytes(6 * MIB))), ".zip", "grows beyond")
    layers = zipped(*((f"{n}", bytes(MIB)) for n in range(10)))
    yield Case("bomb of ten", layers, ".zip", "grows beyond")
    lie = zipped(("zeros", bytes(4 * MIB)))
    lie = lie.replace(struct.pack("<I", 4 * MIB), struct.pack("<I", 10))
    yield Case("size that lies", lie, ".zip", "damaged archive")


def streams() -> Iterator[Case]:
    zeros = bytes(6 * MIB)
    yield Case("gzip bomb", gzip.compress(zeros, 1), ".gz", "grows beyond")
    yield Case("bzip2 bomb", bz2.compress(zeros, 1), ".bz2", "grows beyond")
    yield Case("xz bomb", lzma.compress(zeros, preset=0), ".xz", "grows beyond")
    for suffix, pack in ((".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)):
        whole = pack(b"numbers " * 999)
        yield Case(f"cut{suffix}", whole[: len(whole) * 2 // 3], suffix, "damaged archive")
        yield Case(f"text{suffix}", b"not compressed", suffix, "damaged archive")


def archives() -> Iterator[Case]:
    """Archives for `extract_archive`."""
    for part in (tars, zips, streams):
        yield from part()


# --- pickled batches ------------------------------------------------------------------------------


def py2(text: bytes) -> bytes:
    return b"U" + bytes([len(text)]) + text


def batch(value: bytes) -> bytes:
    """A pickled {"data": value, "labels": []}, as Python 2 wrote it."""
    return b"\x80\x02}(" + py2(b"data") + value + py2(b"labels") + b"]u."


def array(
    shape: bytes = b"K\2M\0\x0c\x86", raw: bytes = bytes(6144), dtype: bytes = b"u1"
) -> bytes:
    made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\1b\x87R"
    kind = (
        b"cnumpy\ndtype\n"
        + py2(dtype)
        + b"K\0K\1\x87R(K\3U\1|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    )
    return made + b"(K\1" + shape + kind + b"\x89T" + struct.pack("<I", len(raw)) + raw + b"tb"


def batches() -> Iterator[Case]:
    """Files in the place of CIFAR's pickled batches."""
    touch = py2(b"touch HOSTILE_CODE_RAN")
    calls = {
        "system": b"cposix\nsystem\n" + touch + b"\x85R",
        "eval": b"c__builtin__\neval\n" + py2(b"open('HOSTILE_CODE_RAN','w')") + b"\x85R",
        "inst": b"(" + touch + b"iposix\nsystem\n",
        "load": b"cnumpy\nload\n" + py2(b"HOSTILE_CODE_RAN") + b"\x85R",
    }
    for name, body in calls.items():
        yield Case(name, batch(body), "", "Unsupported global|blocked|not allowed")
    yield Case("objects", batch(array(dtype=b"O")), "", "only numbers")
    yield Case("too few bytes", batch(array(raw=bytes(100))), "", "shape and bytes differ")
    huge = b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"
    yield Case("huge shape", batch(array(huge)), "", "shape and bytes differ")
    yield Case("negative shape", batch(array(b"J\xff\xff\xff\xffK\1\x86")), "", "bad shape")
    yield Case("claims 4 GiB", batch(b"T\xff\xff\xff\x7fx"), "", "truncated")
    yield Case("cut", batch(array())[:3000], "", "truncated")
    yield Case("list", b"\x80\x02].", "", "expected a dict")
    yield Case("no array", batch(b"]"), "", "bytes of shape")
    yield Case("other shape", batch(array(b"K\2K\3\x86", bytes(6))), "", "bytes of shape")
    yield Case("no labels for images", batch(array()), "", "bytes of shape")
    yield Case("text", b"hello", "", "not numbers, text and arrays")
    yield Case("empty", b"", "", "truncated")


# --- images ---------------------------------------------------------------------------------------


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">2I5B", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + b"".join(chunk(*c) for c in chunks)
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def images() -> Iterator[Case]:
    """Files in the place of images."""
    row = zlib.compress(bytes(1252) * 10_000)
    yield Case("60000 x 60000", png(60_000, 60_000, (b"IDAT", row)), ".png", "decompression bomb")
    yield Case("10000 x 10000", png(10_000, 10_000, (b"IDAT", row)), ".png", "decompression bomb")
    text = b"Comment\0\0" + zlib.compress(bytes(6 * MIB), 1)
    yield Case(
        "text that grows", png(8, 8, (b"zTXt", text), (b"IDAT", row)), ".png", "too large|too much"
    )
    yield Case("no image", b"not an image", ".png", "cannot identify image file")
    yield Case("web page", b"<!DOCTYPE html><html></html>", ".jpg", "cannot identify image file")
    yield Case("empty", b"", ".png", "cannot identify image file")


def main(target: str) -> None:
    parts: dict[str, Callable[[], Iterator[Case]]] = {
        "archive": archives,
        "batch": batches,
        "image": images,
    }
    place = Path(target)
    place.mkdir(parents=True, exist_ok=True)
    for kind, cases in parts.items():
        for n, case in enumerate(cases()):
            (place / f"{kind}_{n:02d}_{case.name.replace(' ', '_')}{case.suffix}").write_bytes(
                case.data
            )


if __name__ == "__main__":
    main(sys.argv[1])
