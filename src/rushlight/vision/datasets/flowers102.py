"""Oxford 102 Flowers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._labelled import NOT_FOUND_OR_CORRUPTED, LabelledFiles, require
from ._mat import read_mat
from .folder import default_loader
from .utils import check_integrity, download_and_extract_archive, download_url, verify_str_arg


class Flowers102(LabelledFiles):
    """Photographs of 102 kinds of flowers: 1,020 training, 1,020 validation and 6,149 test images. Needs scipy.

    Args:
        root: the folder that holds, or shall hold, `flowers-102`.
        split: "train", "val" or "test".
        transform, target_transform: callables of the image and of the label.
        download: fetch the files if they are missing or damaged.
        loader: opens an image, given its path.

    Raises:
        RuntimeError: they are not there.
        ValueError: another split.
    """

    _download_url_prefix = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
    # part -> (file, MD5)
    _file_dict: Any = {
        "image": ("102flowers.tgz", "52808999861908f626f3c1f4e79d11fa"),
        "label": ("imagelabels.mat", "e0620be6f572b9609742df49c70aed4d"),
        "setid": ("setid.mat", "a5357ecc9cb78c4bef273ce3793fc85c"),
    }
    _splits_map = {"train": "trnid", "val": "valid", "test": "tstid"}

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[Any], Any] = default_loader,
    ) -> None:
        super().__init__(root, transform, target_transform, loader)
        self._split = verify_str_arg(split, "split", ("train", "val", "test"))
        self._base_folder = Path(self.root) / "flowers-102"
        self._images_folder = self._base_folder / "jpg"
        if download:
            self.download()
        require(self._check_integrity(), self._base_folder, NOT_FOUND_OR_CORRUPTED)
        (ids,) = read_mat(self._path("setid"), self._splits_map[split], squeeze_me=True)
        (labels,) = read_mat(self._path("label"), "labels", squeeze_me=True)
        # Images and labels are counted from 1.
        self._labels = [int(labels[i - 1]) - 1 for i in ids.tolist()]
        self._image_files = [self._images_folder / f"image_{i:05d}.jpg" for i in ids.tolist()]

    def _path(self, part: str) -> str:
        return str(self._base_folder / self._file_dict[part][0])

    def extra_repr(self) -> str:
        return f"split={self._split}"

    def _check_integrity(self) -> bool:
        tables = [(self._path(part), self._file_dict[part][1]) for part in ("label", "setid")]
        return self._images_folder.is_dir() and all(check_integrity(*t) for t in tables)

    def download(self) -> None:
        """Fetch the files and unpack the images, unless all is there."""
        if self._check_integrity():
            return
        folder = str(self._base_folder)
        name, md5 = self._file_dict["image"]
        download_and_extract_archive(self._download_url_prefix + name, folder, md5=md5)
        for part in ("label", "setid"):
            name, md5 = self._file_dict[part]
            download_url(self._download_url_prefix + name, folder, md5=md5)

    classes = [
        "pink primrose",
        "hard-leaved pocket orchid",
        "canterbury bells",
        "sweet pea",
        "english marigold",
        "tiger lily",
        "moon orchid",
        "bird of paradise",
        "monkshood",
        "globe thistle",
        "snapdragon",
        "colt's foot",
        "king protea",
        "spear thistle",
        "yellow iris",
        "globe-flower",
        "purple coneflower",
        "peruvian lily",
        "balloon flower",
        "giant white arum lily",
        "fire lily",
        "pincushion flower",
        "fritillary",
        "red ginger",
        "grape hyacinth",
        "corn poppy",
        "prince of wales feathers",
        "stemless gentian",
        "artichoke",
        "sweet william",
        "carnation",
        "garden phlox",
        "love in the mist",
        "mexican aster",
        "alpine sea holly",
        "ruby-lipped cattleya",
        "cape flower",
        "great masterwort",
        "siam tulip",
        "lenten rose",
        "barbeton daisy",
        "daffodil",
        "sword lily",
        "poinsettia",
        "bolero deep blue",
        "wallflower",
        "marigold",
        "buttercup",
        "oxeye daisy",
        "common dandelion",
        "petunia",
        "wild pansy",
        "primula",
        "sunflower",
        "pelargonium",
        "bishop of llandaff",
        "gaura",
        "geranium",
        "orange dahlia",
        "pink-yellow dahlia?",
        "cautleya spicata",
        "japanese anemone",
        "black-eyed susan",
        "silverbush",
        "californian poppy",
        "osteospermum",
        "spring crocus",
        "bearded iris",
        "windflower",
        "tree poppy",
        "gazania",
        "azalea",
        "water lily",
        "rose",
        "thorn apple",
        "morning glory",
        "passion flower",
        "lotus",
        "toad lily",
        "anthurium",
        "frangipani",
        "clematis",
        "hibiscus",
        "columbine",
        "desert-rose",
        "tree mallow",
        "magnolia",
        "cyclamen",
        "watercress",
        "canna lily",
        "hippeastrum",
        "bee balm",
        "ball moss",
        "foxglove",
        "bougainvillea",
        "camellia",
        "mallow",
        "mexican petunia",
        "bromelia",
        "blanket flower",
        "trumpet creeper",
        "blackberry lily",
    ]
