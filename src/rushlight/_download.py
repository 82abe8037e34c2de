"""Downloads that cannot leave a wrong or half-written file behind."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import IO, Any

USER_AGENT = "rushlight"
TIMEOUT_S = 30
PIECE = 1 << 16
# A page that begins like one of these is what servers send instead of a file: a login, an error.
PAGE_STARTS = (b"<!doctype html", b"<html")
PAGE_SUFFIXES = (".html", ".htm", ".xhtml")


class DownloadError(RuntimeError):
    """A server delivered something else than the file that was asked for."""


def digest_of(path: str | os.PathLike[str], algorithm: str, piece: int = 1 << 20) -> str:
    """The digest of a file's contents in hexadecimal; `algorithm` is "md5" or "sha256"."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, "rb") as f:
        while data := f.read(piece):
            digest.update(data)
    return digest.hexdigest()


def fetch(
    url: str,
    path: str,
    *,
    md5: str | None = None,
    sha256: str | None = None,
    max_hops: int = 3,
    max_bytes: int | None = None,
) -> None:
    """Download a file; it appears at `path` only once it is complete and its digest is right.

    Args:
        url: http, https, or a file of this machine; redirects lead to http and https only.
        path: where it goes; an old file stays until the new one replaces it.
        md5, sha256: the expected digests in hexadecimal; None is not checked.
        max_hops: how many redirects are followed.
        max_bytes: stop where more arrives.

    Raises:
        DownloadError: what arrived is cut off, too long, a web page, or has another digest; the
            server is silent for 30 s or closes the connection.
        RecursionError: too many redirects.
        urllib.error.URLError, OSError: the server or the disk refuses.
    """
    partial = f"{path}.tmp.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        with open(partial, "xb") as f:
            _receive(url, f, max_hops, max_bytes)
            f.flush()
            os.fsync(f.fileno())
        refuse_page(url, path, partial)
        for algorithm, expected in (("md5", md5), ("sha256", sha256)):
            found = expected and digest_of(partial, algorithm)
            if found and expected and found.lower() != expected.lower():
                raise DownloadError(
                    f"File not found or corrupted. {url}: the {algorithm.upper()} is {found}, expected {expected}"
                )
        os.replace(partial, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)


def _receive(url: str, f: IO[bytes], max_hops: int, max_bytes: int | None) -> None:
    from urllib.request import Request

    if not url.lower().startswith(("http://", "https://", "file://")):
        raise DownloadError(f"{url}: only http, https and file addresses are read")
    request = Request(url, headers={"User-Agent": USER_AGENT})
    with (
        interruptions_explained(url),
        _opener(url, max_hops).open(request, timeout=TIMEOUT_S) as answer,
    ):
        copy_body(answer, f, url, max_bytes)


@contextlib.contextmanager
def interruptions_explained(url: str) -> Iterator[None]:
    """Turns a server's silence, a closed connection and broken HTTP into DownloadError."""
    from http.client import HTTPException

    try:
        yield
    except TimeoutError as e:
        raise DownloadError(f"{url}: nothing arrived for {TIMEOUT_S} s; try again") from e
    except (ConnectionError, HTTPException) as e:
        raise DownloadError(
            f"{url}: the connection broke: {type(e).__name__}: {e}; try again"
        ) from e


def _opener(first: str, max_hops: int) -> Any:
    """An opener whose redirects are counted and never leave the web."""
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, build_opener

    class Redirects(HTTPRedirectHandler):
        hops = 0

        def redirect_request(
            self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> Any:
            if not newurl.lower().startswith(("http://", "https://")):
                raise HTTPError(
                    newurl, code, f"{first}: redirect to {newurl!r} refused", headers, fp
                )
            self.hops += 1
            if self.hops > max_hops:
                raise RecursionError(
                    f"Request to {first} exceeded {max_hops} redirects. The last redirect points to {newurl}."
                )
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return build_opener(Redirects)


def copy_body(
    answer: Any, f: IO[bytes], url: str, max_bytes: int | None = None, progress: bool = True
) -> None:
    """Write what a server sends to a file.

    Raises:
        DownloadError: more arrives than allowed, or less or more than announced.
    """
    announced = answer.headers.get("Content-Length") or "0"
    if not announced.isdecimal():
        raise DownloadError(f"{url}: the server announces a length of {announced!r}")
    length, done = int(announced), 0
    if max_bytes is not None and length > max_bytes:
        raise DownloadError(f"{url}: {length} bytes announced, at most {max_bytes} expected")
    with _progress(os.path.basename(url), length, progress) as advance:
        while piece := answer.read(PIECE):
            done += len(piece)
            if max_bytes is not None and done > max_bytes:
                raise DownloadError(f"{url}: more than {max_bytes} bytes arrived")
            f.write(piece)
            advance(len(piece))
    if length and done != length:
        raise DownloadError(f"{url}: cut off: {done} of {length} bytes arrived; try again")


@contextlib.contextmanager
def _progress(label: str, total: int, shown: bool) -> Iterator[Callable[[int], None]]:
    """Shows how far a download is, on a terminal only: tqdm's bar where it is installed, else one line of text."""
    if not shown or sys.stderr is None or not sys.stderr.isatty():
        yield lambda n: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        done = 0

        def advance(n: int) -> None:
            nonlocal done
            done += n
            of = f" of {total / 1e6:.1f}" if total else ""
            print(f"\r{label}: {done / 1e6:.1f}{of} MB", end="", file=sys.stderr, flush=True)

        yield advance
        print(file=sys.stderr)
        return
    with tqdm(desc=label, total=total or None, unit="B", unit_scale=True) as bar:
        yield bar.update


def refuse_page(url: str, path: str, partial: str) -> None:
    """Refuse a web page that came in the place of a file which is not one by its name."""
    suffix = os.path.splitext(path)[1].lower()
    if not suffix or suffix in PAGE_SUFFIXES:
        return
    with open(partial, "rb") as f:
        start = f.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(PAGE_STARTS):
        raise DownloadError(
            f"File not found or corrupted. {url}: the server sent a web page instead of "
            f"{os.path.basename(path)} (an error, a login or a quota page: open the address in a browser)"
        )
