"""Images (or other files) in one folder per class, and the functions that find and open them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..._notes import noted
from .vision import VisionDataset

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")

Samples = list[tuple[str, int]]


def pillow() -> Any:
    """PIL.Image; an ImportError that says what to install where it is missing."""
    try:
        from PIL import Image
    except ImportError as e:
        raise ImportError(
            'datasets: images are read and handed out by Pillow, which is not installed: pip install "rushlight[vision]"'
        ) from e
    return Image


def has_file_allowed_extension(filename: str, extensions: str | tuple[str, ...]) -> bool:
    """Whether a name ends with one of the (lower-case) extensions.

    Example:
        >>> from rushlight.vision.datasets.folder import has_file_allowed_extension
        >>> has_file_allowed_extension("a.PNG", (".png", ".jpg"))
        True
    """
    return filename.lower().endswith(
        extensions if isinstance(extensions, str) else tuple(extensions)
    )


def is_image_file(filename: str) -> bool:
    """Whether a name ends as those of images do."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory: str | Path) -> tuple[list[str], dict[str, int]]:
    """The classes of a folder: its folders, sorted by name.

    Args:
        directory: the folder.

    Returns:
        The names, and the number of each.

    Raises:
        FileNotFoundError: there is no folder in it.
    """
    with os.scandir(directory) as entries:
        classes = sorted(entry.name for entry in entries if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: i for i, name in enumerate(classes)}


def make_dataset(
    directory: str | Path,
    class_to_idx: dict[str, int] | None = None,
    extensions: str | tuple[str, ...] | None = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> Samples:
    """The files below the class folders of a folder.

    Args:
        directory: the folder.
        class_to_idx: the number of each class; default: as `find_classes` gives them.
        extensions: which endings count; excludes `is_valid_file`.
        is_valid_file: says of a path whether it counts.
        allow_empty: let classes be without files.

    Returns:
        (path, class number) for each file, sorted by class and path.

    Raises:
        ValueError: both or neither of `extensions` and `is_valid_file`, or no class at all.
        FileNotFoundError: classes without files.
    """
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        _, class_to_idx = find_classes(directory)
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError(
            "Both extensions and is_valid_file cannot be None or not None at the same time"
        )
    samples: Samples = []
    empty = []
    for name in sorted(class_to_idx):
        found = _files_below(os.path.join(directory, name), extensions, is_valid_file)
        samples += [(path, class_to_idx[name]) for path in found]
        if not found:
            empty.append(name)
    if empty and not allow_empty:
        text = f"Found no valid file for the classes {', '.join(empty)}. "
        if extensions is not None:
            known = extensions if isinstance(extensions, str) else ", ".join(extensions)
            text += f"Supported extensions are: {known}"
        raise FileNotFoundError(text)
    return samples


def _files_below(folder: str, extensions: Any, is_valid_file: Any) -> list[str]:
    """The files that count, sorted by folder and name; links to folders are followed, but not to one above."""
    found: list[tuple[str, list[str]]] = []
    trails: dict[str, tuple] = {}  # a folder -> the identities of it and those above
    for root, folders, names in os.walk(folder, followlinks=True):
        place = os.stat(root)
        identity, above = (place.st_dev, place.st_ino), trails.get(os.path.dirname(root), ())
        if identity in above:
            folders.clear()
            continue
        trails[root] = (*above, identity)
        found.append((root, sorted(names)))
    paths = (os.path.join(root, name) for root, names in sorted(found) for name in names)
    if extensions is not None:
        return [path for path in paths if has_file_allowed_extension(path, extensions)]
    return [path for path in paths if is_valid_file(path)]


class DatasetFolder(VisionDataset):
    """Files in one folder per class: `root/class/.../file`.

    A subclass may define `find_classes` for classes that are not all the folders.

    Args:
        root: the folder.
        loader: opens a file, given its path.
        extensions: which endings count; excludes `is_valid_file`.
        transform: a callable of what the loader gives.
        target_transform: a callable of the class number.
        is_valid_file: says of a path whether it counts.
        allow_empty: let classes be without files.

    Attributes:
        classes: names, sorted.
        class_to_idx: the number of each.
        samples: (path, class number) of each file.
        targets: the class number of each file.

    Raises:
        FileNotFoundError: no class folder, or classes without files.
    """

    def __init__(
        self,
        root: str | Path,
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        classes, class_to_idx = self.find_classes(self.root)
        samples = self.make_dataset(
            self.root,
            class_to_idx=class_to_idx,
            extensions=extensions,
            is_valid_file=is_valid_file,
            allow_empty=allow_empty,
        )
        self.loader = loader
        self.extensions = extensions
        self.classes: Any = classes
        self.class_to_idx = class_to_idx
        self.samples = samples
        self.targets = [number for _, number in samples]

    @staticmethod
    def make_dataset(
        directory: str | Path,
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> Samples:
        """The files; see the function `make_dataset`. A subclass may take them from elsewhere."""
        if class_to_idx is None:
            raise ValueError("The class_to_idx parameter cannot be None.")
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """The classes; see the function `find_classes`. A subclass may choose among the folders."""
        return find_classes(directory)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._transformed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


def read_image(path: str | os.PathLike[str], mode: str | None = None) -> Any:
    """The image in a file, decoded, the file closed.

    Args:
        path: the file.
        mode: PIL's name of the wanted kind, "RGB" or "L" ...; default: as it is stored.

    Raises:
        PIL.Image.DecompressionBombError: more pixels than `PIL.Image.MAX_IMAGE_PIXELS`, before they are decoded.
        OSError: no image, or a damaged one.
    """
    Image = pillow()
    with open(path, "rb") as f:
        try:
            image = Image.open(f)
            limit, pixels = Image.MAX_IMAGE_PIXELS, image.width * image.height
            if limit is not None and pixels > limit:
                raise Image.DecompressionBombError(
                    f"Image size ({pixels} pixels) exceeds limit of {limit} pixels, could be decompression bomb DOS "
                    "attack.; raise PIL.Image.MAX_IMAGE_PIXELS if you trust the file"
                )
            image.load()
            return image if mode is None else image.convert(mode)
        except Exception as e:
            noted(e, f"while reading the image {os.fspath(path)!r}")
            raise


def pil_loader(path: str | Path) -> Any:
    """The image in a file, as a PIL image of mode RGB; raises as `read_image`."""
    return read_image(path, "RGB")


def accimage_loader(path: str | Path) -> Any:
    """The image in a file, by the package accimage where it can."""
    import accimage

    try:
        return accimage.Image(path)
    except OSError:
        return pil_loader(path)


def default_loader(path: str | Path) -> Any:
    """The image in a file, by the library that `set_image_backend` chose (Pillow by default)."""
    from .. import get_image_backend

    return accimage_loader(path) if get_image_backend() == "accimage" else pil_loader(path)


class ImageFolder(DatasetFolder):
    """Images in one folder per class: `root/dog/.../1.png`, `root/cat/.../2.jpg`.

    Args:
        root: the folder.
        transform: a callable of the image, which is a PIL image of mode RGB unless `loader` says otherwise.
        target_transform: a callable of the class number.
        loader: opens an image, given its path.
        is_valid_file: says of a path whether it counts; default: by its ending.
        allow_empty: let classes be without files.

    Attributes: as `DatasetFolder`; `imgs` is `samples`.

    Example:
        >>> import os
        >>> from PIL import Image
        >>> from rushlight.vision import datasets
        >>> for name in ("cat", "dog"):
        ...     os.makedirs(f"pets/{name}")
        ...     Image.new("RGB", (4, 3)).save(f"pets/{name}/1.png")
        >>> data = datasets.ImageFolder("pets")
        >>> data.classes, len(data), data[1][1]
        (['cat', 'dog'], 2, 1)
    """

    def __init__(
        self,
        root: str | Path,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(
            root,
            loader,
            IMG_EXTENSIONS if is_valid_file is None else None,
            transform=transform,
            target_transform=target_transform,
            is_valid_file=is_valid_file,
            allow_empty=allow_empty,
        )
        self.imgs = self.samples
