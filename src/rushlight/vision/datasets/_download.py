"""Downloads that cannot leave a wrong or half-written file behind."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from typing import IO, Any

TIMEOUT_S = 30
PIECE = 1 << 16


def sha256_of(path: str | os.PathLike[str]) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while piece := f.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def download(urls: Sequence[str], path: str, sha256: str, max_bytes: int, advice: str) -> None:
    """Fetch the first of `urls` that delivers the file with digest `sha256` to `path`.

    Args:
        urls: mirrors of the same file, http or https.
        path: where it goes; it appears only once it is complete and its digest is right.
        sha256: the expected digest, in hexadecimal.
        max_bytes: stop where more arrives.
        advice: the last sentence of the error: what to do without a network.

    Raises:
        RuntimeError: if no mirror delivers, with each mirror's reason.
    """
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    partial = f"{path}.tmp.{os.getpid()}"
    reasons = []
    for url in urls:
        try:
            found = _fetch(url, partial, max_bytes)
            if found != sha256:
                raise ValueError(f"the SHA-256 is {found}, expected {sha256}")
            os.replace(partial, path)
            return
        except (OSError, ValueError) as e:
            reasons.append(f"  {url}: {e}")
        finally:
            if os.path.exists(partial):
                os.unlink(partial)
    raise RuntimeError(
        f"Error downloading {os.path.basename(path)}:\n" + "\n".join(reasons) + f"\n{advice}"
    )


def _fetch(url: str, path: str, max_bytes: int) -> str:
    from urllib.request import Request, urlopen

    if not url.startswith(("http://", "https://")):
        raise ValueError("only http and https are followed")
    with urlopen(Request(url, headers={"User-Agent": "rushlight"}), timeout=TIMEOUT_S) as answer:
        if not answer.geturl().startswith(("http://", "https://")):
            raise ValueError(f"redirected to {answer.geturl()}, which is not followed")
        length = int(answer.headers.get("Content-Length") or 0)
        if length > max_bytes:
            raise ValueError(f"{length} bytes announced, at most {max_bytes} expected")
        with open(path, "wb") as f:
            return _copy(answer, f, length, max_bytes, os.path.basename(url))


def _copy(answer: Any, f: IO[bytes], length: int, max_bytes: int, label: str) -> str:
    digest, done = hashlib.sha256(), 0
    show = sys.stderr is not None and sys.stderr.isatty()
    while piece := answer.read(PIECE):
        done += len(piece)
        if done > max_bytes:
            raise ValueError(f"more than {max_bytes} bytes arrived")
        digest.update(piece)
        f.write(piece)
        if show:
            total = f" of {length / 1e6:.1f}" if length else ""
            print(f"\r{label}: {done / 1e6:.1f}{total} MB", end="", file=sys.stderr, flush=True)
    if show:
        print(file=sys.stderr)
    if length and done != length:
        raise ValueError(f"{done} of {length} bytes arrived")
    f.flush()
    os.fsync(f.fileno())
    return digest.hexdigest()
