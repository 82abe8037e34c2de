"""Result dtypes of operators in a bfloat16 region on the CPU, against PyTorch's, over its operator database."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torch.testing._internal.common_methods_invocations")

import warnings  # noqa: E402

import run_opinfo  # noqa: E402
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402

import rushlight  # noqa: E402

# By name; all variants of an operator are run. First those that a region changes in PyTorch 2.13.
CHANGED = """
addmm addbmm baddbmm bmm cholesky cholesky_inverse cholesky_solve view_as_complex corrcoef cov stft geqrf lu
lu_solve matmul quantile nanquantile nn.functional.cross_entropy nn.functional.adaptive_avg_pool3d
nn.functional.adaptive_max_pool3d nn.functional.avg_pool3d nn.functional.binary_cross_entropy_with_logits
nn.functional.conv_transpose1d nn.functional.conv_transpose2d nn.functional.conv_transpose3d nn.functional.conv1d
nn.functional.conv2d nn.functional.conv3d nn.functional.pad nn.functional.soft_margin_loss
nn.functional.margin_ranking_loss nn.functional.multi_margin_loss nn.functional.multilabel_margin_loss
nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d nn.functional.max_unpool1d
nn.functional.max_unpool2d nn.functional.max_unpool3d nn.functional.linear nn.functional.prelu
nn.functional.scaled_dot_product_attention nn.functional.triplet_margin_loss nn.functional.binary_cross_entropy mm
ormqr qr __rmatmul__ triangular_solve svd polar pinverse trace tensordot nn.functional.smooth_l1_loss
nn.functional.l1_loss nn.functional.mse_loss nn.functional.grid_sample prod nn.functional.ctc_loss
nn.functional.cosine_embedding_loss nn.functional.nll_loss nn.functional.hinge_embedding_loss
nn.functional.huber_loss nn.functional.poisson_nll_loss nn.functional.kl_div fft.fft fft.fft2 fft.fftn fft.hfft
fft.rfft fft.rfft2 fft.rfftn fft.ifft fft.ifft2 fft.ifftn fft.ihfft fft.irfft fft.irfft2 fft.irfftn linalg.cholesky
linalg.cholesky_ex linalg.vecdot linalg.cond linalg.eig linalg.eigvals linalg.eigh linalg.eigvalsh
linalg.householder_product linalg.multi_dot linalg.qr linalg.inv linalg.inv_ex linalg.solve linalg.matrix_rank
linalg.pinv linalg.svd linalg.svdvals linalg.tensorinv linalg.tensorsolve
""".split()
SAME = """
add mul sub div exp log sum mean var norm cumsum softmax log_softmax cat stack index_copy nn.functional.gelu
nn.functional.layer_norm nn.functional.group_norm nn.functional.batch_norm nn.functional.silu nn.functional.relu
nn.functional.embedding nn.functional.max_pool2d nn.functional.avg_pool2d nn.functional.interpolate mv dot addmv addr
outer baddbmm einsum inner kron where clamp sigmoid tanh pow sqrt logsumexp topk sort
""".split()


def leaves(value, kind):
    if isinstance(value, kind):
        return [value]
    if isinstance(value, (tuple, list)):
        return [leaf for v in value for leaf in leaves(v, kind)]
    return []


def converted(value, dtype):
    if isinstance(value, torch.Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
        return type(value)(converted(v, dtype) for v in value)
    if isinstance(value, dict):
        return {k: converted(v, dtype) for k, v in value.items()}
    return value


def result_types(lib, fn, args, kwargs):
    with lib.autocast("cpu", dtype=lib.bfloat16), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = fn(*args, **kwargs)
    return [str(t.dtype).split(".")[-1] for t in leaves(out, lib.Tensor)]


# PyTorch's sample of linalg.pinv uses it.
@pytest.mark.filterwarnings("ignore:torch.qr is deprecated")
@pytest.mark.parametrize("given", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", CHANGED + SAME)
def test_result_types(name, given) -> None:
    dtype, compared = getattr(torch, given), 0
    for op in (o for o in op_db if o.name == name):
        sample = next(iter(op.sample_inputs("cpu", torch.float32)))
        args = converted((sample.input, *sample.args), dtype)
        kwargs = converted(sample.kwargs, dtype)
        try:
            want = result_types(torch, op.op, args, kwargs)
        except RuntimeError:  # PyTorch has no kernel for it
            continue
        ours = run_opinfo.to_lib(rushlight, (args, kwargs), [])
        fn = run_opinfo.lookup(rushlight, op)
        assert result_types(rushlight, fn, *ours) == want, op.full_name
        compared += 1
    if given == "float32":
        assert compared
