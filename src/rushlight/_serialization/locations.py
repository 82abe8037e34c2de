"""Where storages go: location tags of files, `map_location`, `register_package`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import LoadError

Tagger = Callable[[Any], "str | None"]
Deserializer = Callable[[Any, str], Any]

_registry: list[tuple[int, Tagger, Deserializer]] = []


def register_package(priority: int, tagger: Tagger, deserializer: Deserializer) -> None:
    """Register how storages of a kind of device are tagged in files and put back.

    Args:
        priority: lower numbers are asked first; the built-in devices use 10 to 26.
        tagger: takes a storage, returns its tag or None if it is not its kind.
        deserializer: takes a storage on the CPU and a tag, returns the storage where the tag says,
            or None if the tag is not its kind.
    """
    _registry.append((priority, tagger, deserializer))
    _registry.sort(key=lambda entry: entry[0])


def location_tag(storage: Any) -> str:
    """The tag that names the storage's device in a file (``"cpu"``, ``"cuda:0"``, ``"meta"``)."""
    for _, tagger, _ in _registry:
        tag = tagger(storage)
        if tag:
            return tag
    raise RuntimeError(
        f"don't know how to determine data location of {type(storage).__name__} "
        f"(device {storage.device})"
    )


def default_restore_location(storage: Any, location: str) -> Any:
    """Put a storage where its tag says.

    Raises:
        LoadError: when no registered device takes the tag, or the device is not there.
    """
    for _, _, deserializer in _registry:
        result = deserializer(storage, location)
        if result is not None:
            return result
    raise LoadError(
        f"don't know how to restore data location of {type(storage).__name__} "
        f"(tagged with {location}): pass map_location='cpu'"
    )


def restorer(map_location: Any) -> Callable[[Any, str], Any]:
    """Turn the ``map_location`` argument into a function of storage and tag."""
    from .. import device as device_type

    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda s, tag: default_restore_location(s, str(map_location.get(tag, tag)))
    if isinstance(map_location, bytes):
        map_location = map_location.decode("ascii")
    if isinstance(map_location, (str, device_type)):
        target = str(map_location)
        return lambda s, tag: default_restore_location(s, target)
    if not callable(map_location):
        raise TypeError(
            "load: map_location must be a device, its name, a dict of names or a function of "
            f"storage and name, got {type(map_location).__name__}"
        )

    def restore(storage: Any, tag: str) -> Any:
        result = map_location(storage, tag)
        return default_restore_location(storage, tag) if result is None else result

    return restore


def is_meta(map_location: Any) -> bool:
    """Whether everything goes to the meta device, so that no data need be read."""
    return map_location is not None and not callable(map_location) and str(map_location) == "meta"


def _tag_cpu(storage: Any) -> str | None:
    return "cpu" if storage.device.type == "cpu" else None


def _restore_cpu(storage: Any, location: str) -> Any:
    return storage if location == "cpu" else None


def _tag_cuda(storage: Any) -> str | None:
    return str(storage.device) if storage.device.type == "cuda" else None


def _restore_cuda(storage: Any, location: str) -> Any:
    if location != "cuda" and not location.startswith("cuda:"):
        return None
    return storage.to(device=validate_cuda_device(location, as_device=True))


def validate_cuda_device(location: str, as_device: bool = False) -> Any:
    """Index of the CUDA device a tag names; LoadError where it is not there."""
    from .. import cuda, device

    if not cuda.is_available():
        raise LoadError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is "
            "False. If you are running on a CPU-only machine, please use torch.load with "
            "map_location=torch.device('cpu') to map your storages to the CPU."
        )
    try:
        where = device(location)
    except (RuntimeError, ValueError) as error:
        raise LoadError(f"location {location!r}: {error}") from None
    index = where.index or 0
    if index >= cuda.device_count():
        raise LoadError(
            f"Attempting to deserialize object on CUDA device {index} but "
            f"torch.cuda.device_count() is {cuda.device_count()}. Please use torch.load with "
            "map_location to map your storages to an existing device."
        )
    return where if as_device else index


def _tag_meta(storage: Any) -> str | None:
    return "meta" if storage.device.type == "meta" else None


def _restore_meta(storage: Any, location: str) -> Any:
    if location != "meta":
        return None
    from ..storage import UntypedStorage

    return UntypedStorage(storage.nbytes(), device="meta")


register_package(10, _tag_cpu, _restore_cpu)
register_package(20, _tag_cuda, _restore_cuda)
register_package(22, _tag_meta, _restore_meta)
