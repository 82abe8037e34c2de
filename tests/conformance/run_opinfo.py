"""Drive a PyTorch-compatible library with the sample inputs of PyTorch's own operator database (OpInfo).

    python run_opinfo.py rushlight                      every operator
    python run_opinfo.py rushlight add nn.functional.conv2d
    python run_opinfo.py rushlight --json out.json --max-samples 12 --dtypes float32,float64,int64,bool

Needs torch==2.13.0 (CPU), numpy, expecttest and pytest beside the library. For every operator, dtype and sample it
compares values, shape, dtype and (floating point) gradients with PyTorch; float32 values that differ by more than
the tolerance may be no further from the float64 result than twice PyTorch's. An operator counts as

    pass     every sample of every dtype agrees          part     some samples agree
    fail     no sample agrees                            missing  the library has no such name
    skip     the sample generator itself cannot run here (callables, sparse layouts, symbolic sizes, random output)

The library is reached by the names that PyTorch uses: <lib>.add, <lib>.nn.functional.conv2d, <lib>.Tensor.<method>.
"""

import argparse
import collections
import importlib
import json
import signal
import types
import warnings

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_utils import freeze_rng_state

warnings.filterwarnings("ignore")
torch.set_num_threads(1)

# Operators whose result is random, uninitialised or an implementation detail: nothing to compare.
RANDOM = {
    "bernoulli",
    "cauchy",
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "exponential",
    "geometric",
    "log_normal",
    "multinomial",
    "new_empty",
    "new_empty_strided",
    "nn.functional.alpha_dropout",
    "nn.functional.dropout",
    "nn.functional.dropout2d",
    "nn.functional.dropout3d",
    "nn.functional.feature_alpha_dropout",
    "nn.functional.fractional_max_pool2d",
    "nn.functional.fractional_max_pool3d",
    "nn.functional.rrelu",
    "normal",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "svd_lowrank",
    "pca_lowrank",
    "uniform",
    "resize_",
    "resize_as_",
}
INTERNAL = ("_", "ops.aten.", "torch.ops.", "jiterator", "to_sparse", "sparse.")
# Results that are defined only up to a sign, a rotation or an order: compare what is defined.
UP_TO_GAUGE = {
    "svd",
    "linalg.svd",
    "linalg.eig",
    "linalg.eigh",
    "linalg.qr",
    "qr",
    "geqrf",
    "linalg.householder_product",
    "ormqr",
    "lobpcg",
    "linalg.ldl_factor",
    "linalg.ldl_factor_ex",
    "linalg.ldl_solve",
    "lu",
    "linalg.lu_factor",
}
# Results that tell positions: any of several equal elements will do.
UP_TO_TIES = {"argsort", "kthvalue", "sort"}


class Unsupported(Exception):
    """A sample that cannot be handed to another library."""


class Timeout(Exception):
    """One operator took too long."""


def lib_dtype(lib, dtype):
    return getattr(lib, str(dtype).split(".")[-1])


def to_lib(lib, value, made):
    """Rebuild a torch argument tree in `lib`; tensors keep their strides; `made` collects (torch, lib) leaf pairs."""
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided:
            raise Unsupported("layout")
        plain = value.detach()
        if plain.is_conj() or plain.is_neg():
            plain = plain.resolve_conj().resolve_neg()
        sizes, strides, offset = tuple(plain.shape), tuple(plain.stride()), plain.storage_offset()
        span = 0 if 0 in sizes else 1 + offset + sum((n - 1) * s for n, s in zip(sizes, strides))
        flat = (
            torch.empty(0, dtype=plain.dtype)
            .set_(plain.untyped_storage(), 0, (span,), (1,))
            .clone()
        )
        if plain.dtype is torch.bfloat16:
            base = lib.from_numpy(flat.float().numpy()).to(lib.bfloat16)
        else:
            base = lib.from_numpy(flat.numpy())
        out = base.as_strided(sizes, strides, offset) if 0 not in sizes else base.new_empty(sizes)
        if value.requires_grad:
            out = out.detach().requires_grad_(True)
            made.append((value, out))
        return out
    if isinstance(value, torch.dtype):
        return lib_dtype(lib, value)
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, torch.memory_format) or isinstance(value, torch.layout):
        return getattr(lib, str(value).split(".")[-1])
    if isinstance(value, slice):
        return slice(*(to_lib(lib, v, made) for v in (value.start, value.stop, value.step)))
    if isinstance(value, dict):
        return {k: to_lib(lib, v, made) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        items = [to_lib(lib, v, made) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if (
        value is None
        or value is Ellipsis
        or isinstance(value, (bool, int, float, complex, str, np.ndarray, np.generic))
    ):
        return value
    raise Unsupported(type(value).__name__)


def lookup(lib, op):
    """The callable of `lib` that corresponds to an OpInfo, or None."""
    fn = op.op
    if isinstance(fn, types.FunctionType) and fn.__module__.startswith("torch.testing"):
        try:  # a wrapper written in the database: run the same wrapper over the other library
            return types.FunctionType(
                fn.__code__,
                {**fn.__globals__, "torch": lib, "np": np, "F": lib.nn.functional},
                fn.__name__,
                fn.__defaults__,
                fn.__closure__,
            )
        except Exception:
            return None
    for root in (lib, lib.Tensor):
        found = root
        for part in op.name.split("."):
            found = getattr(found, part, None)
            if found is None:
                break
        if callable(found):
            return found
    return None


def tensors(value):
    if isinstance(value, (list, tuple)):
        for v in value:
            yield from tensors(v)
    elif hasattr(value, "requires_grad"):
        yield value


def to_torch(value):
    """A result of the other library as a torch tensor, with its own dtype."""
    name = str(value.dtype).split(".")[-1]
    value = value.detach()
    array = (
        value.float().numpy()
        if name == "bfloat16"
        else value.resolve_conj().numpy()
        if "complex" in name
        else value.numpy()
    )
    return torch.from_numpy(np.array(array)).to(getattr(torch, name))


def check(got, want, rtol_scale=1.0):
    if isinstance(want, torch.Tensor):
        got = to_torch(got)
        tolerance = {
            torch.float32: (1.3e-5, 1e-5),
            torch.float64: (1e-7, 1e-7),
            torch.bfloat16: (1.6e-2, 1e-2),
            torch.float16: (1e-3, 1e-3),
            torch.complex64: (1.3e-5, 1e-5),
        }.get(want.dtype, (1e-7, 1e-7))
        torch.testing.assert_close(
            got,
            want.detach().resolve_conj().resolve_neg(),
            rtol=tolerance[0] * rtol_scale,
            atol=tolerance[1] * rtol_scale,
            equal_nan=True,
        )
    elif isinstance(want, (list, tuple)):
        assert len(got) == len(want), f"{len(got)} results, expected {len(want)}"
        for g, w in zip(got, want):
            check(g, w, rtol_scale)
    else:
        assert got == want or (got != got and want != want), f"{got!r} != {want!r}"


def check_selection(name, got, want, sample):
    """Values as they are, positions by the elements that they point to."""
    dim = sample.kwargs.get("dim", -1)
    if name == "kthvalue":
        dim = sample.args[1] if len(sample.args) > 1 else dim
    elif sample.args and not isinstance(sample.args[0], bool):
        dim = sample.args[0]
    found, wanted = (got, want) if name == "argsort" else (got[1], want[1])
    if name != "argsort":
        check(got[0], want[0])
    found = to_torch(found)
    assert found.shape == wanted.shape and found.dtype == wanted.dtype
    if not sample.input.dim():
        check_equal = (found, wanted)
    else:
        keep = found.dim() == sample.input.dim()
        at = [i if keep else i.unsqueeze(dim) for i in (found, wanted)]
        check_equal = [torch.gather(sample.input.detach(), dim, i) for i in at]
    torch.testing.assert_close(*check_equal, rtol=0, atol=0, equal_nan=True)


def as_exact(got, want, op, sample):
    """A float32 tensor away from PyTorch's: is its error, by float64, at most twice PyTorch's own?"""

    def doubled(value):
        if isinstance(value, torch.Tensor):
            return value.detach().double() if value.dtype is torch.float32 else value
        if isinstance(value, (list, tuple)):
            return type(value)(map(doubled, value))
        return value

    if not isinstance(want, torch.Tensor) or want.dtype is not torch.float32:
        return False
    torch.manual_seed(1)
    kwargs = {k: doubled(v) for k, v in sample.kwargs.items()}
    exact = op.op(doubled(sample.input), *map(doubled, sample.args), **kwargs)
    if not isinstance(exact, torch.Tensor) or exact.dtype is not torch.float64:
        return False
    ours, theirs = to_torch(got), want.detach()
    if ours.dtype is not want.dtype or ours.shape != want.shape or not exact.isfinite().all():
        return False
    return bool((ours.double() - exact).abs().max() <= 2 * (theirs.double() - exact).abs().max())


def check_gradients(lib, got, want, made):
    outs = [(g, w) for g, w in zip(tensors(got), tensors(want)) if w.requires_grad]
    if not outs or not made:
        return
    seed = torch.Generator().manual_seed(7)
    cot = [torch.randn(w.shape, dtype=w.dtype, generator=seed) for _, w in outs]
    expected = torch.autograd.grad(
        [w for _, w in outs], [t for t, _ in made], cot, allow_unused=True
    )
    result = lib.autograd.grad(
        [g for g, _ in outs],
        [m for _, m in made],
        [to_lib(lib, c, []) for c in cot],
        allow_unused=True,
    )
    for e, r in zip(expected, result):
        if e is None:
            assert r is None or not to_torch(r).any(), "a gradient where there is none"
        else:
            assert r is not None, "no gradient"
            check(r, e, 10.0)


def run_op(lib, op, dtypes, max_samples):
    tally = collections.Counter()
    first_error = None
    call = lookup(lib, op)
    if call is None:
        return "missing", tally, "no such name"
    for dtype in dtypes:
        if not op.supports_dtype(dtype, "cpu"):
            continue
        grad = dtype in (torch.float32, torch.float64) and op.supports_autograd
        try:
            with freeze_rng_state():
                torch.manual_seed(0)
                samples = list(
                    zip(range(max_samples), op.sample_inputs("cpu", dtype, requires_grad=grad))
                )
        except Exception:
            continue
        for _, sample in samples:
            made = []
            torch.manual_seed(1)  # both libraries draw the same numbers for a dropout inside
            try:
                want = op.op(sample.input, *sample.args, **sample.kwargs)
            except Exception:
                continue
            try:
                args = to_lib(lib, (sample.input, *sample.args), made)
                kwargs = to_lib(lib, sample.kwargs, made)
            except Unsupported:
                tally["skip"] += 1
                continue
            except Timeout:
                raise
            except Exception as e:
                tally["bad"] += 1
                first_error = first_error or f"building the arguments: {type(e).__name__}: {e}"
                continue
            lib.manual_seed(1)
            try:
                got = call(*args, **kwargs)
                got = sample.output_process_fn_grad(got)
                want = sample.output_process_fn_grad(want)
                if op.name in UP_TO_TIES:
                    check_selection(op.name, got, want, sample)
                elif op.name in UP_TO_GAUGE:
                    for g, w in zip(tensors(got), tensors(want)):
                        assert tuple(g.shape) == tuple(w.shape)
                else:
                    try:
                        check(got, want)
                    except AssertionError:
                        if dtype is not torch.float32 or not as_exact(got, want, op, sample):
                            raise
                    if grad:
                        check_gradients(lib, got, want, made)
                tally["ok"] += 1
            except Timeout:
                raise
            except Exception as e:
                tally["bad"] += 1
                text = " ".join(str(e).split())[:160]
                first_error = (
                    first_error
                    or f"{str(dtype)[6:]} {sample.summary()[:140]}: {type(e).__name__}: {text}"
                )
    if tally["ok"] and not tally["bad"]:
        return "pass", tally, None
    if tally["ok"]:
        return "part", tally, first_error
    if tally["bad"]:
        return "fail", tally, first_error
    return "skip", tally, first_error


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("lib")
    p.add_argument("ops", nargs="*")
    p.add_argument("--dtypes", default="float32,float64,int64,bool")
    p.add_argument("--max-samples", type=int, default=12)
    p.add_argument("--seconds", type=int, default=20, help="limit for one operator")
    p.add_argument("--json")
    p.add_argument("--quiet", action="store_true", help="only the summary line")
    o = p.parse_args()
    lib = importlib.import_module(o.lib)
    dtypes = [getattr(torch, d) for d in o.dtypes.split(",")]
    total, rows = collections.Counter(), {}

    def alarm(*_):
        raise Timeout()

    signal.signal(signal.SIGALRM, alarm)
    for op in op_db:
        full = op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")
        if o.ops and op.name not in o.ops and full not in o.ops:
            continue
        if op.name in RANDOM or op.name.startswith(INTERNAL):
            continue
        signal.alarm(o.seconds)
        try:
            status, tally, error = run_op(lib, op, dtypes, o.max_samples)
        except Timeout:
            status, tally, error = "fail", {}, f"took over {o.seconds} s"
        except Exception as e:  # the driver's own limits must not hide the other operators
            status, tally, error = "fail", {}, f"{type(e).__name__}: {e}"
        finally:
            signal.alarm(0)
        total[status] += 1
        rows[full] = {
            "status": status,
            "ok": tally.get("ok", 0),
            "bad": tally.get("bad", 0),
            "error": error,
        }
        if status not in ("pass", "skip") and not o.quiet:
            print(
                f"{status:8} {full:45} ok {tally.get('ok', 0):3} bad {tally.get('bad', 0):3}  {error or ''}",
                flush=True,
            )
    counted = sum(n for s, n in total.items() if s != "skip")
    if o.json:
        with open(o.json, "w") as f:
            json.dump(rows, f, indent=1)
    print(
        f"operators: {counted}  pass {total['pass']}  part {total['part']}  fail {total['fail']}  "
        f"missing {total['missing']}  (skipped {total['skip']})  pass rate {total['pass'] / max(counted, 1):.3f}"
    )


if __name__ == "__main__":
    main()
