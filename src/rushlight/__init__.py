"""Rushlight: PyTorch programs, unchanged, on a small and fast engine.

Example:
    >>> import rushlight as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
"""

from __future__ import annotations

import math as _math

from . import _C, _dtypes, _offered, _tensor  # noqa: F401
from ._C import (
    Generator,
    Size,
    Tensor,
    bfloat16,
    bool,
    channels_last,
    channels_last_3d,
    complex64,
    complex128,
    contiguous_format,
    default_generator,
    device,
    dtype,
    float16,
    float32,
    float64,
    get_default_dtype,
    get_num_threads,
    int8,
    int16,
    int32,
    int64,
    is_grad_enabled,
    is_inference_mode_enabled,
    layout,
    memory_format,
    preserve_format,
    promote_types,
    result_type,
    set_num_threads,
    sparse_coo,
    sparse_csr,
    strided,
    uint8,
    uint16,
    uint32,
    uint64,
)
from ._dtypes import finfo, iinfo

half, double, short, int, long = float16, float64, int16, int32, int64
cfloat, cdouble = complex64, complex128
float = float32
legacy_contiguous_format = contiguous_format
DisableTorchFunctionSubclass = _C.DisableTorchFunctionSubclass
e, pi, inf, nan = _math.e, _math.pi, _math.inf, _math.nan
newaxis = None

globals().update(_C._functions)

from . import ops as _ops  # noqa: E402

_ops.load_families()
globals().update({_name: _offered.offered(_f) for _name, _f in _ops.FUNCTIONS.items()})
for _name, _method in _ops.METHODS.items():
    setattr(Tensor, _name, _offered.offered_method(_method))

from . import autograd  # noqa: E402
from ._configuration import (  # noqa: E402
    are_deterministic_algorithms_enabled,
    can_cast,
    get_default_device,
    get_deterministic_debug_mode,
    get_float32_matmul_precision,
    get_num_interop_threads,
    is_complex,
    is_deterministic_algorithms_warn_only_enabled,
    is_floating_point,
    is_inference,
    is_nonzero,
    is_storage,
    is_tensor,
    is_warn_always_enabled,
    numel,
    set_default_device,
    set_default_dtype,
    set_default_tensor_type,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_warn_always,
    typename,
    use_deterministic_algorithms,
)
from .autograd.anomaly_mode import (  # noqa: E402
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_anomaly_enabled,
)
from .autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled  # noqa: E402
from .random import (  # noqa: E402
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .torch_version import __version__  # noqa: E402

_offered.offer(
    globals(), ("is_complex", "is_floating_point", "is_inference", "is_nonzero", "numel")
)

# Modules and names that programs reach as attributes and that cost something to import.
_LAZY_MODULES = frozenset(
    "nn optim utils cuda cpu backends distributed distributions linalg fft special jit onnx hub amp func fx "
    "multiprocessing profiler serialization storage random overrides testing version vision train compat hints sparse "
    "library compiler export masked nested quantization ao signal mps xpu accelerator types torch_version monitor "
    "package return_types futures functional _utils _tensor_str ops".split()
)
_LAZY_NAMES = {
    "save": "serialization",
    "load": "serialization",
    "set_printoptions": "_tensor_str",
    "UntypedStorage": "storage",
    "TypedStorage": "storage",
    "autocast": "amp",
    "compile": "compiler",
    "vmap": "func",
    "fork_rng": "random",
    "summary": "_summary",
    "OutOfMemoryError": "_device",
    "GradScaler": "amp",
    "cosine_similarity": "nn.functional",
    "pairwise_distance": "nn.functional",
    "pca_lowrank": "linalg._lowrank",
    "svd_lowrank": "linalg._lowrank",
    "to_dlpack": "utils.dlpack",
    "get_device_module": "_device",
}
_LAZY_NAMES |= dict.fromkeys(
    "cholesky cholesky_inverse cholesky_solve cross det geqrf inverse logdet lu lu_solve lu_unpack matrix_exp "
    "matrix_power orgqr ormqr pinverse qr slogdet svd triangular_solve".split(),
    "linalg._legacy",
)
_LAZY_NAMES |= dict.fromkeys(
    "autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache get_autocast_cpu_dtype "
    "get_autocast_dtype get_autocast_gpu_dtype is_autocast_cache_enabled is_autocast_cpu_enabled "
    "is_autocast_enabled set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled "
    "set_autocast_dtype set_autocast_enabled set_autocast_gpu_dtype".split(),
    "amp",
)
_LAZY_NAMES |= dict.fromkeys(["stft", "istft"], "functional")
_LAZY_NAMES |= dict.fromkeys(
    [kind + "_window" for kind in ("bartlett", "blackman", "hamming", "hann", "kaiser")],
    "signal._classic",
)
_LEGACY_TYPES = frozenset(
    word + kind
    for kind in ("Tensor", "Storage")
    for word in "Float Double Half BFloat16 Byte Char Short Int Long Bool ComplexFloat ComplexDouble".split()
)


_HAS = {  # what old programs ask: where it is answered now
    "has_cuda": "cuda.is_built",
    "has_cudnn": "cudnn.is_available",
    "has_mps": "mps.is_built",
    "has_mkldnn": "mkldnn.is_available",
}


def _has(name: str) -> bool:
    import warnings

    from ._lazy import lazy_module

    place, _, question = _HAS[name].partition(".")
    warnings.warn(
        f"'{name}' is deprecated, please use 'torch.backends.{_HAS[name]}()'", stacklevel=3
    )
    return getattr(lazy_module(__name__ + ".backends", place), question)()


def __getattr__(name: str):
    from ._lazy import lacking, lazy_module, lazy_name

    if name in _LAZY_MODULES:
        return lazy_module(__name__, name)
    if name in _LAZY_NAMES:
        return lazy_name(__name__, _LAZY_NAMES[name], name)
    if name in _LEGACY_TYPES:
        home = "_legacy_types" if name.endswith("Tensor") else "storage"
        return lazy_name(__name__, home, name)
    if name in _HAS:
        return _has(name)
    lacking(__name__, name)


def __dir__():
    return sorted({*globals(), *_LAZY_MODULES, *_LAZY_NAMES, *_LEGACY_TYPES})
