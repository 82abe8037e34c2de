"""Summary protocol buffers, as `SummaryWriter` writes them; the tensorboardX library makes most of them.

Tags stay as they are given: the library itself would put underscores for spaces and brackets.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from tensorboardX import summary as _library
from tensorboardX import utils as _pictures
from tensorboardX.proto import api_pb2, plugin_hparams_pb2
from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboardX.proto.tensor_pb2 import TensorProto
from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboardX.summary import compute_curve, custom_scalars, make_histogram

from ... import Tensor
from . import _names
from ._library import plain

__all__ = [
    "audio",
    "compute_curve",
    "custom_scalars",
    "histogram",
    "histogram_raw",
    "hparams",
    "image",
    "image_boxes",
    "make_histogram",
    "mesh",
    "pr_curve",
    "pr_curve_raw",
    "scalar",
    "tensor_proto",
    "text",
    "video",
]


def _array(value: Any) -> Any:
    return np.asarray(plain(value))


def _value(tag: str, **content: Any) -> Any:
    return Summary(value=[Summary.Value(tag=_names.tag(tag), **content)])


def _tagged(summary: Any, tag: str) -> Any:
    summary.value[0].tag = _names.tag(tag)
    return summary


def _metadata(plugin: str, content: bytes = b"") -> Any:
    data = SummaryMetadata.PluginData(plugin_name=plugin, content=content)
    return SummaryMetadata(plugin_data=data)


def scalar(
    name: str,
    tensor: Any,
    collections: Any = None,
    new_style: bool = False,
    double_precision: bool = False,
) -> Any:
    """A single number.

    Args:
        name: the tag.
        tensor: a number, or a tensor or array of one element.
        collections: accepted.
        new_style: write it in the tensor field.
        double_precision: 64 instead of 32 bits, in the new style.

    Raises:
        AssertionError: there is more than one element.
    """
    value = _array(tensor).squeeze()
    if value.ndim != 0:
        raise AssertionError(
            "Tensor should contain one element (0 dimensions). "
            f"Was given size: {value.size} and {value.ndim} dimensions."
        )
    number = float(value)
    if not new_style:
        return _value(name, simple_value=number)
    if double_precision:
        content = TensorProto(double_val=[number], dtype="DT_DOUBLE")
    else:
        content = TensorProto(float_val=[number], dtype="DT_FLOAT")
    return _value(name, tensor=content, metadata=_metadata("scalars"))


# dtype -> the name in TensorProto, the field, how many numbers an element is.
_FIELDS = {
    "float32": ("DT_FLOAT", "float_val"),
    "float64": ("DT_DOUBLE", "double_val"),
    "int8": ("DT_INT8", "int_val"),
    "uint8": ("DT_UINT8", "int_val"),
    "int16": ("DT_INT16", "int_val"),
    "int32": ("DT_INT32", "int_val"),
    "int64": ("DT_INT64", "int64_val"),
    "bool": ("DT_BOOL", "bool_val"),
    "complex64": ("DT_COMPLEX64", "scomplex_val"),
    "complex128": ("DT_COMPLEX128", "dcomplex_val"),
}


def tensor_proto(tag: str, tensor: Tensor) -> Any:
    """A whole tensor of any shape, for programs that read event files.

    Raises:
        ValueError: it has 2 GB or more, or a dtype that has no place in an event file.
    """
    if tensor.numel() * tensor.itemsize >= 1 << 31:
        raise ValueError("tensor is bigger than protocol buffer's hard limit of 2GB in size")
    value, name = _array(tensor), str(tensor.dtype).rpartition(".")[2]
    if name in ("float16", "bfloat16"):
        # The 16 bits of each element, the upper half of a float32's in bfloat16.
        shift = np.uint32(16)
        bits = value.view(np.uint16) if name == "float16" else value.view(np.uint32) >> shift
        kind, field, numbers = (
            "DT_" + ("HALF" if name == "float16" else "BFLOAT16"),
            "half_val",
            bits,
        )
    elif name in _FIELDS:
        kind, field = _FIELDS[name]
        numbers = np.stack([value.real, value.imag], -1) if "complex" in name else value
    else:
        raise ValueError(f"{tag} has unsupported tensor dtype {tensor.dtype}")
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=n) for n in value.shape])
    content = TensorProto(dtype=kind, tensor_shape=shape, **{field: numbers.reshape(-1).tolist()})
    return _value(tag, tensor=content, metadata=_metadata("tensor"))


def histogram(name: str, values: Any, bins: Any, max_bins: int | None = None) -> Any:
    """The distribution of the elements of `values` over `bins` (edges, or a rule of numpy's).

    Raises:
        ValueError: there are no elements.
    """
    return _tagged(_library.histogram("", _array(values), bins, max_bins), name)


def histogram_raw(
    name: str,
    min: float,
    max: float,
    num: int,
    sum: float,
    sum_squares: float,
    bucket_limits: Any,
    bucket_counts: Any,
) -> Any:
    """A distribution that has been counted already."""
    limits, counts = _array(bucket_limits).tolist(), _array(bucket_counts).tolist()
    moments = [float(_array(v)) for v in (min, max, num, sum, sum_squares)]
    return _library.histogram_raw(_names.tag(name), *moments, limits, counts)


def _bytes(tensor: Any) -> Any:
    """Pixels as uint8: other types hold 0..1 and are clipped; what is not a number is black."""
    values = _array(tensor)
    if values.dtype == np.uint8:
        return values
    scaled = values.astype(np.float32) * np.float32(255)
    return np.nan_to_num(scaled, nan=0.0, posinf=255.0).clip(0, 255).astype(np.uint8)


def image(tag: str, tensor: Any, rescale: float = 1, dataformats: str = "NCHW") -> Any:
    """A picture, or a batch of them as a grid; needs Pillow.

    Args:
        tag: the tag.
        tensor: uint8 in 0..255, or another type in 0..1, whose axes `dataformats` names.
        rescale: factor on both sides.
        dataformats: an order of N, C, H and W, such as "CHW", "NHWC" or "HW".
    """
    return _tagged(_library.image("", _bytes(tensor), rescale, dataformats), tag)


def image_boxes(
    tag: str,
    tensor_image: Any,
    tensor_boxes: Any,
    rescale: float = 1,
    dataformats: str = "CHW",
    labels: list[str] | None = None,
) -> Any:
    """A picture with boxes (N, 4) of xmin, ymin, xmax, ymax drawn on it; needs Pillow."""
    pixels, boxes = _bytes(tensor_image), _array(tensor_boxes)
    return _tagged(_library.image_boxes("", pixels, boxes, rescale, dataformats, labels), tag)


def video(tag: str, tensor: Any, fps: float = 4, dataformats: str = "NTCHW") -> Any:
    """Moving pictures as an animated GIF, a batch of them side by side; needs Pillow.

    Args:
        tag: the tag.
        tensor: uint8 in 0..255, or another type in 0..1, (N, T, C, H, W).
        fps: pictures per second.
        dataformats: the order of the axes.
    """
    from PIL import Image

    pixels = _pictures.convert_to_NTCHW(_bytes(tensor), dataformats)
    frames = (_pictures._prepare_video(pixels) * 255).round().astype(np.uint8)  # (T, H, W, C)
    first, *rest = (Image.fromarray(f[:, :, 0] if f.shape[2] == 1 else f) for f in frames)
    out = io.BytesIO()
    duration = max(1, round(1000 / fps))
    first.save(out, "GIF", save_all=True, append_images=rest, duration=duration, loop=0)
    _, height, width, channels = frames.shape
    picture = Summary.Image(
        height=height, width=width, colorspace=channels, encoded_image_string=out.getvalue()
    )
    return _value(tag, image=picture)


def audio(tag: str, tensor: Any, sample_rate: int = 44100) -> Any:
    """A sound as a WAV file of 16 bits.

    Args:
        tag: the tag.
        tensor: values in -1..1, (frames,), (1, frames) or (frames, channels) with 1 or 2 channels.
        sample_rate: frames per second.

    Raises:
        AssertionError: another shape.
    """
    import wave

    values = _array(tensor)
    values = values.squeeze() if 1 in values.shape else values
    values = values.reshape(-1, 1) if values.ndim < 2 else values
    if values.ndim != 2 or values.shape[1] > 2:
        raise AssertionError(
            f"input tensor should be 1 dimensional, or have 2 channels: got shape {list(_array(tensor).shape)}"
        )
    if values.size and abs(values).max() > 1:
        print("warning: audio amplitude out of range, auto clipped.")
    samples = (values.clip(-1, 1) * np.iinfo(np.int16).max).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(int(sample_rate))
        file.writeframes(samples.tobytes())
    sound = Summary.Audio(
        sample_rate=sample_rate,
        num_channels=samples.shape[1],
        length_frames=samples.shape[0],
        encoded_audio_string=out.getvalue(),
        content_type="audio/wav",
    )
    return _value(tag, audio=sound)


def text(tag: str, text: str) -> Any:
    """A text, shown as Markdown."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return _library.text(_names.tag(tag), text)


def pr_curve(
    tag: str, labels: Any, predictions: Any, num_thresholds: int = 127, weights: Any = None
) -> Any:
    """Precision and recall of predictions in 0..1 against labels 0 and 1, at evenly spaced thresholds."""
    return _library.pr_curve(
        _names.tag(tag),
        _array(labels).reshape(-1),
        _array(predictions).reshape(-1),
        num_thresholds,
        None if weights is None else _array(weights).reshape(-1),
    )


def pr_curve_raw(
    tag: str,
    tp: Any,
    fp: Any,
    tn: Any,
    fn: Any,
    precision: Any,
    recall: Any,
    num_thresholds: int = 127,
    weights: Any = None,
) -> Any:
    """A curve whose counts at every threshold are known."""
    rows = [_array(v) for v in (tp, fp, tn, fn, precision, recall)]
    return _library.pr_curve_raw(_names.tag(tag), *rows, num_thresholds, weights)


def mesh(tag: str, vertices: Any, colors: Any, faces: Any, config_dict: dict | None = None) -> Any:
    """Points or triangles in space: vertices (B, N, 3), colors (B, N, 3) in 0..255, faces (B, M, 3)."""
    parts = [None if part is None else _array(part) for part in (vertices, colors, faces)]
    summary = _library.mesh(_names.tag(tag), *parts, config_dict)
    # Which of vertices (1), faces (2) and colours (3) there are: field 7 of the message, which the library leaves out.
    kinds = {1: parts[0], 2: parts[2], 3: parts[1]}
    mask = sum(1 << kind for kind, part in kinds.items() if part is not None)
    for value in summary.value:
        value.metadata.plugin_data.content += bytes([7 << 3, mask])
    return summary


def _hparam(name: str, value: Any, choices: list | None) -> tuple[dict, Any]:
    """The value and the description of one hyperparameter."""
    from google.protobuf import struct_pb2

    if isinstance(value, Tensor):
        value = float(plain(value).reshape(-1)[0])
    if isinstance(value, bool):
        field, kind = "bool_value", "DATA_TYPE_BOOL"
    elif isinstance(value, (int, float)):
        field, kind = "number_value", "DATA_TYPE_FLOAT64"
    elif isinstance(value, str):
        field, kind = "string_value", "DATA_TYPE_STRING"
    else:
        raise ValueError(
            "value should be one of int, float, str, bool, or torch.Tensor\n"
            f"hparam_dict[{name!r}] is of type {type(value).__name__}; write str(...) of it"
        )
    info = api_pb2.HParamInfo(name=name, type=api_pb2.DataType.Value(kind))
    if choices is not None:
        values = [struct_pb2.Value(**{field: choice}) for choice in choices]
        info.domain_discrete.CopyFrom(struct_pb2.ListValue(values=values))
    return {field: value}, info


def hparams(
    hparam_dict: dict, metric_dict: dict, hparam_domain_discrete: dict | None = None
) -> tuple[Any, Any, Any]:
    """The experiment, the start and the end of a run with these hyperparameters.

    Args:
        hparam_dict: name -> number, bool, string or one-element tensor; None leaves it out.
        metric_dict: name -> value; only the names are used here.
        hparam_domain_discrete: name -> list of all values that it may have.

    Raises:
        TypeError: an argument is not a dict, or a list has elements of another type.
        ValueError: a value of another type.
    """
    domains = hparam_domain_discrete or {}
    for name, given in (
        ("hparam_dict", hparam_dict),
        ("metric_dict", metric_dict),
        ("hparam_domain_discrete", domains),
    ):
        if not isinstance(given, dict):
            raise TypeError(f"parameter: {name} should be a dictionary, nothing logged.")
    for name, choices in domains.items():
        if (
            name not in hparam_dict
            or not isinstance(choices, list)
            or not all(isinstance(c, type(hparam_dict[name])) for c in choices)
        ):
            raise TypeError(
                f"parameter: hparam_domain_discrete[{name}] should be a list of same type as hparam_dict[{name}]."
            )
    start, infos = plugin_hparams_pb2.SessionStartInfo(), []
    for name, value in hparam_dict.items():
        if value is None:
            continue
        fields, info = _hparam(name, value, domains.get(name))
        for field, content in fields.items():
            setattr(start.hparams[name], field, content)
        infos.append(info)
    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=name)) for name in metric_dict]
    experiment = api_pb2.Experiment(hparam_infos=infos, metric_infos=metrics)
    end = plugin_hparams_pb2.SessionEndInfo(status=api_pb2.Status.Value("STATUS_SUCCESS"))
    return (
        _session("experiment", experiment=experiment),
        _session("session_start_info", session_start_info=start),
        _session("session_end_info", session_end_info=end),
    )


def _session(name: str, **content: Any) -> Any:
    data = plugin_hparams_pb2.HParamsPluginData(version=0, **content).SerializeToString()
    return _value(f"_hparams_/{name}", metadata=_metadata("hparams", data))
