"""Models from folders with a `hubconf.py`, and files from the network, kept in a cache folder."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlparse

__all__ = [
    "download_url_to_file",
    "get_dir",
    "help",
    "list",
    "load",
    "load_state_dict_from_url",
    "set_dir",
]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
_folder: str | None = None


def get_dir() -> str:
    """The folder for downloaded files: $TORCH_HOME/hub, by default ~/.cache/torch/hub.

    Returns:
        Path; it need not exist.
    """
    if _folder is not None:
        return _folder
    home = os.environ.get("TORCH_HOME")
    if home is None:
        home = os.path.join(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "torch")
    return os.path.join(os.path.expanduser(home), "hub")


def set_dir(d: str | os.PathLike) -> None:
    """Choose the folder for downloaded files.

    Args:
        d: path.
    """
    global _folder
    _folder = os.path.expanduser(os.fspath(d))


def _local_module(repo_or_dir: str, source: str) -> Any:
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "github":
        raise NotImplementedError(
            "torch.hub: rushlight does not run code from the network; clone "
            f"{repo_or_dir!r} and pass its folder with source='local'"
        )
    import importlib.util

    folder = os.path.expanduser(repo_or_dir)
    path = os.path.join(folder, "hubconf.py")
    if not os.path.exists(path):
        raise FileNotFoundError(f"torch.hub: no hubconf.py in {folder!r}")
    sys.path.insert(0, folder)
    try:
        spec = importlib.util.spec_from_file_location("hubconf", path)
        module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
        spec.loader.exec_module(module)  # type: ignore[union-attr]
    finally:
        sys.path.remove(folder)
    return module


def _entry(module: Any, name: str) -> Any:
    found = getattr(module, name, None)
    if not callable(found):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return found


def list(
    github: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: Any = None,
    verbose: bool = True,
    *,
    source: str = "local",
) -> Any:
    """Names of the models of a folder.

    Args:
        github: folder with a hubconf.py.
        force_reload, skip_validation, trust_repo, verbose: accepted.
        source: "local".

    Returns:
        List of names.
    """
    module = _local_module(github, source)
    return [n for n in dir(module) if callable(getattr(module, n)) and not n.startswith("_")]


def help(
    github: str,
    model: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: Any = None,
    *,
    source: str = "local",
) -> str | None:
    """The docstring of a model of a folder.

    Args:
        github: folder with a hubconf.py.
        model: name.
        force_reload, skip_validation, trust_repo: accepted.
        source: "local".
    """
    return _entry(_local_module(github, source), model).__doc__


def load(
    repo_or_dir: str,
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: Any = "check",
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs: Any,
) -> Any:
    """Call a function of a folder's hubconf.py.

    Args:
        repo_or_dir: the folder.
        model: name of the function.
        args, kwargs: its arguments.
        source: "local"; code from the network is refused.
        trust_repo, force_reload, verbose, skip_validation: accepted.

    Returns:
        What the function returns, usually a module.

    Raises:
        NotImplementedError: source is "github".
    """
    return _entry(_local_module(repo_or_dir, source.lower()), model)(*args, **kwargs)


def download_url_to_file(
    url: str, dst: str, hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Download a file; it appears under its name only when it is complete.

    Args:
        url: address.
        dst: path of the file.
        hash_prefix: start of the SHA-256 that the content must have.
        progress: show a bar on stderr, if that is a terminal. Default: True.

    Raises:
        RuntimeError: the content has another hash, is cut off or a web page; the server is silent
            for 30 s or closes the connection.
        urllib.error.URLError: the server cannot be reached or refuses.
    """
    import tempfile
    from urllib.request import Request, urlopen

    from . import _download

    dst = os.path.expanduser(dst)
    request = Request(url, headers={"User-Agent": "torch.hub"})
    part = tempfile.NamedTemporaryFile(dir=os.path.dirname(dst) or ".", delete=False)
    try:
        with part, _download.interruptions_explained(url):
            with urlopen(request, timeout=_download.TIMEOUT_S) as answer:
                _download.copy_body(answer, part, url, progress=progress)
            part.flush()
            os.fsync(part.fileno())
        _download.refuse_page(url, dst, part.name)
        found = _download.digest_of(part.name, "sha256")
        if hash_prefix is not None and not found.startswith(hash_prefix):
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{found}")')
        os.replace(part.name, dst)
    finally:
        Path(part.name).unlink(missing_ok=True)


def _explain(error: URLError, url: str, path: str) -> None:
    """Add to the error of a failed download what to do about it."""
    help = (
        f"hub: cannot fetch {url}; on a machine without network, fetch it elsewhere and put it at "
        f"{path} (set TORCH_HOME for another folder)"
    )
    if isinstance(error, HTTPError):
        error.msg = f"{error.msg}; {help}"
    else:
        error.reason = f"{error.reason}; {help}"


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> dict[str, Any]:
    """Load a file of weights from the network or the cache.

    Args:
        url: address; a hash in the file's name (name-<sha256 start>.pth) can be checked.
        model_dir: folder for the file. Default: checkpoints in `get_dir()`.
        map_location: as for `torch.load`.
        progress: show a bar. Default: True.
        check_hash: compare the content with the hash in the name. Default: False.
        file_name: name of the file; default: from the address.
        weights_only: as for `torch.load`.

    Returns:
        What the file holds.

    Raises:
        urllib.error.URLError: the file is not in the folder, and cannot be fetched.
        RuntimeError: what was fetched is not the file (see `download_url_to_file`).
    """
    from .serialization import load as load_file

    model_dir = model_dir or os.path.join(get_dir(), "checkpoints")
    os.makedirs(model_dir, exist_ok=True)
    name = file_name or os.path.basename(urlparse(url).path)
    path = os.path.join(model_dir, name)
    if not os.path.exists(path):
        sys.stderr.write(f'Downloading: "{url}" to {path}\n')
        match = HASH_REGEX.search(name) if check_hash else None
        try:
            download_url_to_file(url, path, match.group(1) if match else None, progress)
        except URLError as error:
            _explain(error, url, path)
            raise
    return load_file(path, map_location=map_location, weights_only=weights_only)
