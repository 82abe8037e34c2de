"""Downloading, checking and unpacking the files of data sets."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Callable, Iterable
from typing import IO, Any, TypeVar
from urllib.parse import urlparse

from ..._download import digest_of, fetch
from ._extract import MAX_FILES, byte_limit, decompress, extract_tar, extract_zip

__all__ = [
    "calculate_md5",
    "check_integrity",
    "check_md5",
    "download_and_extract_archive",
    "download_file_from_google_drive",
    "download_url",
    "extract_archive",
    "iterable_to_str",
    "list_dir",
    "list_files",
    "verify_str_arg",
]

Path = str | os.PathLike[str]
T = TypeVar("T", str, bytes)

# The SHA-256 of files that data sets know by their MD5, which is no protection against a forger.
SHA256_OF_MD5 = {
    "f68b3c2dcbeaaa9fbdd348bbdeb94873": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "d53e105ee54ea40749a09fcbcd1e9432": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "9fb629c4189551a2d022fa330f9573f3": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "ec29112dd5afa0611ce80d1b7f02629c": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "25c81989df183df01b3e8a0aad5dffbe": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "bef4ecab320f06d8554ea6380940ec79": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "bb300cfdad3c16e7a12a480ee83cd310": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}


def calculate_md5(fpath: Path, chunk_size: int = 1024 * 1024) -> str:
    """The MD5 of a file's contents, in hexadecimal.

    Args:
        fpath: the file.
        chunk_size: bytes read at a time.

    Example:
        >>> from rushlight.vision.datasets.utils import calculate_md5
        >>> _ = open("empty", "w").close()
        >>> calculate_md5("empty")
        'd41d8cd98f00b204e9800998ecf8427e'
    """
    return digest_of(fpath, "md5", chunk_size)


def check_md5(fpath: Path, md5: str, **kwargs: Any) -> bool:
    """Whether the file has this MD5."""
    return md5 == calculate_md5(fpath, **kwargs)


def check_integrity(fpath: Path, md5: str | None = None) -> bool:
    """Whether there is such a file and, if `md5` is given, whether it is the right one."""
    return os.path.isfile(fpath) and (md5 is None or check_md5(fpath, md5))


def download_url(
    url: str,
    root: Path,
    filename: Path | None = None,
    md5: str | None = None,
    max_redirect_hops: int = 3,
) -> None:
    """Download a file into a folder, unless it is there already.

    Args:
        url: its address.
        root: the folder, made if it is missing.
        filename: its name there; default: the last part of the address.
        md5: the expected MD5; None: any file of this name is the right one.
        max_redirect_hops: how many redirects are followed.

    Raises:
        RuntimeError: what arrived is cut off, a web page, or not the file with this MD5.
        RecursionError: too many redirects.
        urllib.error.URLError: the server cannot be reached or refuses.
    """
    root = os.path.expanduser(root)
    filename = filename or _name_in(url)
    fpath = os.path.join(root, filename)
    os.makedirs(root, exist_ok=True)
    if check_integrity(fpath, md5):
        return
    file_id = _get_google_drive_file_id(url)
    if file_id is not None:
        download_file_from_google_drive(file_id, root, filename, md5)
        return
    sha256 = SHA256_OF_MD5.get(md5) if md5 is not None else None
    fetch(url, fpath, md5=md5, sha256=sha256, max_hops=max_redirect_hops)


def _name_in(url: str) -> str:
    name = os.path.basename(url)
    if name in ("", ".", ".."):
        raise ValueError(f"download_url: {url!r} ends in no file name; pass filename=")
    return name


def _get_google_drive_file_id(url: str) -> str | None:
    parts = urlparse(url)
    if re.fullmatch(r"(drive|docs)\.google\.com", parts.netloc) is None:
        return None
    match = re.match(r"/file/d/([^/]*)", parts.path)
    return match.group(1) if match else None


def download_file_from_google_drive(
    file_id: str, root: Path, filename: Path | None = None, md5: str | None = None
) -> None:
    """Download a file from Google Drive with the package gdown.

    Args:
        file_id: its id there.
        root: the folder, made if it is missing.
        filename: its name; default: the id.
        md5: the expected MD5.

    Raises:
        RuntimeError: gdown is not installed, or another file arrived.
    """
    root = os.path.expanduser(root)
    fpath = os.path.join(root, filename or file_id)
    os.makedirs(root, exist_ok=True)
    if check_integrity(fpath, md5):
        return
    try:
        import gdown
    except ImportError as e:
        raise RuntimeError(
            "To download files from GDrive, 'gdown' is required. You can install it with 'pip install gdown'."
        ) from e
    partial = f"{fpath}.tmp.{os.getpid()}"
    try:
        gdown.download(id=file_id, output=partial, quiet=False)
        if not check_integrity(partial, md5):
            raise RuntimeError("File not found or corrupted.")
        os.replace(partial, fpath)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def list_dir(root: Path, prefix: bool = False) -> list[str]:
    """The folders in a folder.

    Args:
        root: the folder.
        prefix: give their paths instead of their names.
    """
    return _listed(root, os.path.isdir, "", prefix)


def list_files(root: Path, suffix: str | tuple[str, ...], prefix: bool = False) -> list[str]:
    """The files in a folder whose names end with `suffix`.

    Args:
        root: the folder.
        suffix: an ending, or a tuple of them.
        prefix: give their paths instead of their names.
    """
    return _listed(root, os.path.isfile, suffix, prefix)


def _listed(root: Path, kind: Callable[[str], bool], suffix: Any, prefix: bool) -> list[str]:
    root = os.path.expanduser(root)
    names = [n for n in os.listdir(root) if n.endswith(suffix) and kind(os.path.join(root, n))]
    return [os.path.join(root, n) for n in names] if prefix is True else names


# --- archives -------------------------------------------------------------------------------------

_ARCHIVES = (".tar", ".zip")
_COMPRESSIONS = (".bz2", ".gz", ".xz")
_ALIASES = {".tbz": (".tar", ".bz2"), ".tbz2": (".tar", ".bz2"), ".tgz": (".tar", ".gz")}


def _opener(compression: str | None) -> Callable[..., IO[bytes]]:
    """The function that opens a file and undoes its compression."""
    if compression is None:
        return open
    from importlib import import_module

    module = {".bz2": "bz2", ".gz": "gzip", ".xz": "lzma"}[compression]
    return import_module(module).open


def _detect_file_type(file: Path) -> tuple[str, str | None, str | None]:
    """The suffix of a file's name, and the kinds of archive and compression that it stands for."""
    suffixes = pathlib.Path(file).suffixes
    if not suffixes:
        raise RuntimeError(
            f"File '{file}' has no suffixes that could be used to detect the archive type and compression."
        )
    suffix = suffixes[-1]
    if suffix in _ALIASES:
        return (suffix, *_ALIASES[suffix])
    if suffix in _ARCHIVES:
        return suffix, suffix, None
    if suffix in _COMPRESSIONS:
        before = suffixes[-2] if len(suffixes) > 1 else None
        if before in _ARCHIVES:
            return f"{before}{suffix}", before, suffix
        return suffix, None, suffix
    known = sorted({*_ALIASES, *_ARCHIVES, *_COMPRESSIONS})
    raise RuntimeError(
        f"Unknown compression or archive type: '{suffix}'.\nKnown suffixes are: '{known}'."
    )


def _decompress(
    from_path: Path,
    to_path: Path | None = None,
    remove_finished: bool = False,
    max_bytes: int | None = None,
) -> pathlib.Path:
    """Undo the compression of a file; by default the result has its name without the ending."""
    suffix, archive, compression = _detect_file_type(from_path)
    if compression is None:
        raise RuntimeError(f"Couldn't detect a compression from suffix {suffix}.")
    if to_path is None:
        to_path = os.fspath(from_path).removesuffix(suffix) + (archive or "")
    decompress(from_path, to_path, _opener(compression), byte_limit(from_path, max_bytes))
    if remove_finished:
        os.remove(from_path)
    return pathlib.Path(to_path)


def extract_archive(
    from_path: Path,
    to_path: Path | None = None,
    remove_finished: bool = False,
    *,
    max_bytes: int | None = None,
    max_files: int = MAX_FILES,
) -> str | pathlib.Path:
    """Unpack an archive or a compressed file; its kind follows from its name.

    Only regular files and folders are unpacked, and only below `to_path`.

    Args:
        from_path: the archive: .zip, .tar (also with .gz, .bz2 or .xz, or as .tgz, .tbz, .tbz2), or any .gz, .bz2, .xz.
        to_path: the folder; default: the archive's own.
        remove_finished: delete the archive afterwards.
        max_bytes: refuse archives that grow larger; default: 20 times the archive, at least 64 MiB.
        max_files: refuse archives with more entries.

    Returns:
        The folder, or the unpacked file; of `from_path`'s class.

    Raises:
        RuntimeError: an unknown ending, or the archive is damaged or refused, with the entry and the reason.

    Example:
        >>> import pathlib, zipfile
        >>> from rushlight.vision.datasets.utils import extract_archive
        >>> with zipfile.ZipFile("a.zip", "w") as z:
        ...     z.writestr("folder/file.txt", "text")
        >>> extract_archive("a.zip", "there")
        'there'
        >>> pathlib.Path("there/folder/file.txt").read_text()
        'text'
    """
    if to_path is None:
        to_path = os.path.dirname(from_path)
    suffix, archive, compression = _detect_file_type(from_path)
    limit = byte_limit(from_path, max_bytes)
    result = pathlib.Path(to_path)
    if archive is None:
        os.makedirs(to_path or ".", exist_ok=True)
        result = result / os.path.basename(from_path).removesuffix(suffix)
        decompress(from_path, result, _opener(compression), limit)
    elif archive == ".zip":
        extract_zip(from_path, to_path or ".", limit, max_files)
    else:
        extract_tar(from_path, to_path or ".", _opener(compression), limit, max_files)
    if remove_finished:
        os.remove(from_path)
    return os.fspath(result) if isinstance(from_path, str) else result


def download_and_extract_archive(
    url: str,
    download_root: Path,
    extract_root: Path | None = None,
    filename: Path | None = None,
    md5: str | None = None,
    remove_finished: bool = False,
) -> None:
    """Download an archive, unless it is there already, and unpack it.

    Args:
        url: its address.
        download_root: the folder for the archive.
        extract_root: the folder for what is in it; default: the same.
        filename: the archive's name; default: the last part of the address.
        md5: the expected MD5.
        remove_finished: delete the archive afterwards.

    Raises: as `download_url` and `extract_archive`.
    """
    download_root = os.path.expanduser(download_root)
    filename = filename or _name_in(url)
    download_url(url, download_root, filename, md5)
    archive = os.path.join(download_root, filename)
    extract_archive(
        archive, download_root if extract_root is None else extract_root, remove_finished
    )


# --- arguments ------------------------------------------------------------------------------------


def iterable_to_str(iterable: Iterable[Any]) -> str:
    """The items in quotes, with commas between them."""
    return "'" + "', '".join(str(item) for item in iterable) + "'"


def verify_str_arg(
    value: T,
    arg: str | None = None,
    valid_values: Iterable[T] | None = None,
    custom_msg: str | None = None,
) -> T:
    """The value of a string argument, if it is one of those allowed.

    Raises:
        ValueError: it is not.

    Example:
        >>> from rushlight.vision.datasets.utils import verify_str_arg
        >>> verify_str_arg("val", "split", ("train", "test"))
        Traceback (most recent call last):
        ...
        ValueError: Unknown value 'val' for argument split. Valid values are {'train', 'test'}.
    """
    if not isinstance(value, str):
        where = "" if arg is None else f" for argument {arg}"
        raise ValueError(f"Expected type str{where}, but got type {type(value)}.")
    if valid_values is not None and value not in valid_values:
        raise ValueError(
            custom_msg
            if custom_msg is not None
            else f"Unknown value '{value}' for argument {arg}. "
            f"Valid values are {{{iterable_to_str(valid_values)}}}."
        )
    return value
