"""Types, normalisation, blur, noise, boxes; and functions as transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .... import Tensor
from ....utils._pytree import tree_flatten, tree_unflatten
from ... import tv_tensors
from .. import _random_color as v1_color
from .. import transforms as v1
from . import functional as F
from ._transform import Transform
from ._utils import LabelsGetter, get_bounding_boxes, get_keypoints, has_any, labels_getter_of
from .functional._registry import is_pil_image


class Identity(Transform):
    """The sample as it is.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.Identity()(3)
        3
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt


class Lambda(Transform):
    """A function of each part of a sample.

    Args:
        lambd: the function.
        types: the types of the parts it is applied to; default: all.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.Lambda(lambda x: x + 1, int)({"a": 1, "b": 2.0})
        {'a': 2, 'b': 2.0}
    """

    _transformed_types = (object,)

    def __init__(self, lambd: Callable[[Any], Any], *types: type) -> None:
        super().__init__()
        self.lambd = lambd
        self.types = types or self._transformed_types

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self.lambd(inpt) if isinstance(inpt, self.types) else inpt

    def extra_repr(self) -> str:
        name = getattr(self.lambd, "__name__", None)
        parts = [] if not name or name == "<lambda>" else [name]
        return ", ".join([*parts, f"types={[kind.__name__ for kind in self.types]}"])


class LinearTransformation(Transform):
    """(x - mean) M for an image x (..., C, H, W), laid out as a row; see `transforms.LinearTransformation`.

    Args:
        transformation_matrix: M, (D, D) with D = C H W.
        mean_vector: (D,).

    Raises:
        ValueError: for shapes, types or devices that do not fit.
        TypeError: when called with a PIL image.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.LinearTransformation(2 * torch.eye(2), torch.ones(2))(torch.tensor([[[1.0, 3.0]]]))
        tensor([[[0., 4.]]])
    """

    _v1_transform_cls = v1.LinearTransformation
    _transformed_types = (F.is_pure_tensor, tv_tensors.Image, tv_tensors.Video)

    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor) -> None:
        super().__init__()
        v1.LinearTransformation(transformation_matrix, mean_vector)  # checks them
        self.transformation_matrix = transformation_matrix
        self.mean_vector = mean_vector

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if has_any(flat_inputs, is_pil_image):
            raise TypeError(f"{type(self).__name__}() does not support PIL images.")

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        output = v1.LinearTransformation.forward(self, inpt.as_subclass(Tensor))  # type: ignore[arg-type]
        return (
            tv_tensors.wrap(output, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else output
        )


class Normalize(Transform):
    """(x - mean) / std per channel of float images (..., C, H, W).

    Args:
        mean, std: one number per channel.
        inplace: change the tensor itself.

    Raises:
        TypeError: when called with a PIL image.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.Normalize([0.5], [0.25])(torch.ones(1, 1, 1))
        tensor([[[2.]]])
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean = list(mean)
        self.std = list(std)
        self.inplace = inplace

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if has_any(flat_inputs, is_pil_image):
            raise TypeError(f"{type(self).__name__}() does not support PIL images.")

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(
            F.normalize, inpt, mean=self.mean, std=self.std, inplace=self.inplace
        )


class GaussianBlur(Transform):
    """Blur with a Gaussian of random width.

    Args:
        kernel_size: odd width, or (width, height), of the kernel.
        sigma: (smallest, largest) standard deviation in pixels, or one number.

    Raises:
        ValueError: for sizes and deviations that are not positive, or sizes that are even.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.GaussianBlur(5)(torch.zeros(3, 16, 16)).shape
        torch.Size([3, 16, 16])
    """

    _v1_transform_cls = v1_color.GaussianBlur

    def __init__(self, kernel_size: int | Sequence[int], sigma: Any = (0.1, 2.0)) -> None:
        super().__init__()
        checked = v1_color.GaussianBlur(kernel_size, sigma)
        self.kernel_size = checked.kernel_size
        self.sigma = [float(value) for value in checked.sigma]

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        sigma = v1_color.GaussianBlur.get_params(self.sigma[0], self.sigma[1])
        return {"sigma": [sigma, sigma]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.gaussian_blur, inpt, self.kernel_size, **params)


class GaussianNoise(Transform):
    """Add normal noise; each frame and image has its own.

    Args:
        mean, sigma: of the noise, in units of the full range.
        clip: cut values off at the ends of the range.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.GaussianNoise(mean=0.5, sigma=0.0)(torch.zeros(1, 1, 2))
        tensor([[[0.5000, 0.5000]]])
    """

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> None:
        super().__init__()
        self.mean = mean
        self.sigma = sigma
        self.clip = clip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(
            F.gaussian_noise, inpt, mean=self.mean, sigma=self.sigma, clip=self.clip
        )


class ToDtype(Transform):
    """Images in another type.

    Args:
        dtype: of images and videos; or a dictionary: kind of input -> type or None (no change), "others": of the rest.
        scale: the full range of the old type becomes that of the new one.

    Raises:
        ValueError: when called with a kind that the dictionary does not name.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.ToDtype(torch.float32, scale=True)(torch.tensor([[255]], dtype=torch.uint8))
        tensor([[1.]])
    """

    _transformed_types = (Tensor,)

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        super().__init__()
        self.dtype = dtype
        self.scale = scale

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        image = F.is_pure_tensor(inpt) or isinstance(inpt, (tv_tensors.Image, tv_tensors.Video))
        if not isinstance(self.dtype, dict):
            if not image:
                return inpt
            dtype = self.dtype
        elif type(inpt) in self.dtype:
            dtype = self.dtype[type(inpt)]
        elif "others" in self.dtype:
            dtype = self.dtype["others"]
        else:
            raise ValueError(
                f"No dtype was specified for type {type(inpt)}. If you only need to convert the dtype of images or "
                "videos, you can just pass e.g. dtype=torch.float32. If you're passing a dict as dtype, you can use "
                '"others" as a catch-all key e.g. dtype={tv_tensors.Mask: torch.int64, "others": None} to pass-through '
                "the rest of the inputs."
            )
        if dtype is None and not (image and self.scale):
            return inpt
        if dtype is None:
            raise ValueError(
                "When scale is set to True, the dtype argument must specify the dtype of images and videos: None "
                "leaves their range as it is."
            )
        return self._call_kernel(F.to_dtype, inpt, dtype=dtype, scale=self.scale)


class ConvertImageDtype(Transform):
    """Image tensors in another type, their values scaled; `ToDtype(dtype, scale=True)` does the same.

    Args:
        dtype: the wanted type.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.ConvertImageDtype(torch.uint8)(torch.tensor([[1.0]]))
        tensor([[255]], dtype=torch.uint8)
    """

    _v1_transform_cls = v1.ConvertImageDtype

    def __init__(self, dtype: Any = None) -> None:
        super().__init__()
        from .... import float32

        self.dtype = float32 if dtype is None else dtype

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        image = F.is_pure_tensor(inpt) or isinstance(inpt, (tv_tensors.Image, tv_tensors.Video))
        return F.to_dtype(inpt, dtype=self.dtype, scale=True) if image else inpt


class UniformTemporalSubsample(Transform):
    """Frames of videos at equal distances.

    Args:
        num_samples: how many.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.UniformTemporalSubsample(2)(torch.zeros(8, 3, 4, 5)).shape
        torch.Size([2, 3, 4, 5])
    """

    _transformed_types = (F.is_pure_tensor, tv_tensors.Video)

    def __init__(self, num_samples: int) -> None:
        super().__init__()
        self.num_samples = num_samples

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.uniform_temporal_subsample, inpt, self.num_samples)


class ConvertBoundingBoxFormat(Transform):
    """Bounding boxes in another format.

    Args:
        format: a `BoundingBoxFormat` or its name.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> from rushlight.vision.transforms import v2
        >>> boxes = tv_tensors.BoundingBoxes([[1, 1, 3, 4]], format="XYXY", canvas_size=(8, 8))
        >>> v2.ConvertBoundingBoxFormat("XYWH")(boxes).tolist()
        [[1, 1, 2, 3]]
    """

    _transformed_types = (tv_tensors.BoundingBoxes,)

    def __init__(self, format: Any) -> None:
        super().__init__()
        self.format = format

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.convert_bounding_box_format(inpt, new_format=self.format)


class ClampBoundingBoxes(Transform):
    """Bounding boxes cut off at the image's borders.

    Args:
        clamping_mode: see `functional.clamp_bounding_boxes`.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> from rushlight.vision.transforms import v2
        >>> boxes = tv_tensors.BoundingBoxes([[1, 1, 9, 9]], format="XYXY", canvas_size=(4, 5))
        >>> v2.ClampBoundingBoxes()(boxes).tolist()
        [[1, 1, 5, 4]]
    """

    _transformed_types = (tv_tensors.BoundingBoxes,)

    def __init__(self, clamping_mode: str | None = "auto") -> None:
        super().__init__()
        self.clamping_mode = clamping_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.clamp_bounding_boxes(inpt, clamping_mode=self.clamping_mode)


class SetClampingMode(Transform):
    """Boxes with another `clamping_mode`.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> from rushlight.vision.transforms import v2
        >>> boxes = tv_tensors.BoundingBoxes([[1, 1, 9, 9]], format="XYXY", canvas_size=(4, 5))
        >>> v2.SetClampingMode("hard")(boxes).clamping_mode
        'hard'
    """

    _transformed_types = (tv_tensors.BoundingBoxes,)

    def __init__(self, clamping_mode: str | None) -> None:
        super().__init__()
        if clamping_mode not in (None, "soft", "hard"):
            raise ValueError(f"clamping_mode must be soft, hard or None, got {clamping_mode}")
        self.clamping_mode = clamping_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        changed = inpt.clone()
        changed.clamping_mode = self.clamping_mode
        return changed


class ClampKeyPoints(Transform):
    """Key points moved to the image's border where they lie outside.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> from rushlight.vision.transforms import v2
        >>> v2.ClampKeyPoints()(tv_tensors.KeyPoints([[-1, 9]], canvas_size=(4, 5))).tolist()
        [[0, 3]]
    """

    _transformed_types = (tv_tensors.KeyPoints,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.clamp_keypoints(inpt)


class _Sanitize(Transform):
    """Takes rows that are not valid out of boxes or key points, and out of labels and masks that go with them."""

    _with_them: tuple[type, ...] = ()

    def _set_labels_getter(self, labels_getter: LabelsGetter) -> None:
        self.labels_getter = labels_getter
        self._labels_getter = labels_getter_of(labels_getter)

    def _valid(self, flat_inputs: list[Any]) -> tuple[Any, Tensor]:
        """The boxes or key points, and which rows are valid."""
        raise NotImplementedError

    def forward(self, *inputs: Any) -> Any:
        inputs = inputs if len(inputs) > 1 else inputs[0]
        labels = self._labels_getter(inputs)
        labels = list(labels) if isinstance(labels, (tuple, list)) else [labels]
        labels = [entry for entry in labels if entry is not None]
        for entry in labels:
            if not isinstance(entry, Tensor):
                raise ValueError(
                    f"The labels in the input to forward must be a tensor or None, got {type(entry)} instead."
                )
        flat, spec = tree_flatten(inputs)
        owner, valid = self._valid(flat)
        for entry in labels:
            if owner.shape[0] != entry.shape[0]:
                raise ValueError(
                    f"Number of boxes (shape={owner.shape}) and must match the number of labels."
                    f"Found labels with shape={entry.shape})."
                )

        def kept(inpt: Any) -> Any:
            label = any(inpt is entry for entry in labels)
            # A mask of classes (H, W), or of other objects, belongs to the image, and not to the boxes.
            part = isinstance(inpt, self._with_them) and inpt.shape[:1] == owner.shape[:1]
            if not (label or inpt is owner or part):
                return inpt
            rows = inpt[valid]
            plain = label and not isinstance(inpt, tv_tensors.TVTensor)
            return rows if plain else tv_tensors.wrap(rows, like=inpt)

        return tree_unflatten([kept(inpt) for inpt in flat], spec)


class SanitizeBoundingBoxes(_Sanitize):
    """Take boxes that are too small or outside the image out of a sample, with their labels and masks.

    Args:
        min_size: smallest width and height. min_area: smallest area.
        labels_getter: finds the labels (one tensor or several), which have a row per box: a function of the sample, a
            key, "default" (a key that contains "label"), or None: there are none.

    Raises:
        ValueError: when called without boxes, or labels that do not fit.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> from rushlight.vision.transforms import v2
        >>> boxes = tv_tensors.BoundingBoxes([[0, 0, 0, 1], [1, 1, 3, 3]], format="XYXY", canvas_size=(4, 4))
        >>> v2.SanitizeBoundingBoxes()({"boxes": boxes, "labels": torch.tensor([7, 8])})["labels"]
        tensor([8])
    """

    _with_them = (tv_tensors.Mask,)

    def __init__(
        self, min_size: float = 1.0, min_area: float = 1.0, labels_getter: LabelsGetter = "default"
    ) -> None:
        super().__init__()
        if min_size < 1:
            raise ValueError(f"min_size must be >= 1, got {min_size}.")
        if min_area < 1:
            raise ValueError(f"min_area must be >= 1, got {min_area}.")
        self.min_size = min_size
        self.min_area = min_area
        self._set_labels_getter(labels_getter)

    def _valid(self, flat_inputs: list[Any]) -> tuple[Any, Tensor]:
        boxes = get_bounding_boxes(flat_inputs)
        _, valid = F.sanitize_bounding_boxes(boxes, min_size=self.min_size, min_area=self.min_area)
        return boxes, valid


class SanitizeKeyPoints(_Sanitize):
    """Take key points outside the image out of a sample, with their labels.

    Args:
        labels_getter: as of `SanitizeBoundingBoxes`; default: there are none.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> from rushlight.vision.transforms import v2
        >>> v2.SanitizeKeyPoints()(tv_tensors.KeyPoints([[-1, 1], [1, 1]], canvas_size=(4, 5))).tolist()
        [[1, 1]]
    """

    def __init__(self, labels_getter: LabelsGetter = None) -> None:
        super().__init__()
        self._set_labels_getter(labels_getter)

    def _valid(self, flat_inputs: list[Any]) -> tuple[Any, Tensor]:
        points = get_keypoints(flat_inputs)
        return points, F.sanitize_keypoints(points)[1]
