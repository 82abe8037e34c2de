"""einsum and its relatives against numpy."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch


@pytest.mark.parametrize(
    "equation,shapes",
    [
        ("ij,jk->ik", ((2, 3), (3, 4))),
        ("ij,jk", ((2, 3), (3, 4))),
        ("bA,aA", ((2, 3), (4, 3))),
        ("...ij,...jk", ((2, 3, 4), (5, 1, 4, 2))),
        ("ii->i", ((3, 3),)),
        ("ii", ((3, 3),)),
        ("i,i->", ((4,), (4,))),
        ("bhid,bhjd->bhij", ((2, 3, 4, 5), (2, 3, 6, 5))),
        ("ij->ji", ((2, 3),)),
        ("ij->", ((2, 3),)),
        ("ijk,ilm,njm->nkl", ((2, 3, 4), (2, 5, 6), (7, 3, 6))),
        ("i,j->ij", ((2,), (3,))),
        ("ij,j->i", ((2, 3), (1,))),
        ("iij->j", ((3, 3, 2),)),
        ("ab,bc,cd->ad", ((2, 3), (3, 4), (4, 5))),
    ],
)
def test_einsum(equation: str, shapes) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in shapes]
    got = torch.einsum(equation, *map(torch.from_numpy, arrays))
    wanted = np.einsum(
        equation, *(np.broadcast_to(a, (3,)) if a.shape == (1,) else a for a in arrays)
    )
    assert tuple(got.shape) == np.shape(wanted)
    np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-10, atol=1e-12)


def test_einsum_with_lists_of_labels() -> None:
    a, b = torch.randn(2, 3), torch.randn(3, 4)
    assert (
        torch.einsum(a, [0, 1], b, [1, 2], [0, 2]).tolist()
        == torch.einsum("ij,jk->ik", a, b).tolist()
    )


def test_an_ellipsis_that_the_result_leaves_out_is_summed() -> None:
    a = torch.randn(2, 3, 4, dtype=torch.float64)
    got = torch.einsum("b...,b...->b", a, a)
    np.testing.assert_allclose(got.numpy(), (a.numpy() ** 2).sum((1, 2)), rtol=1e-10)


def test_einsum_gradient() -> None:
    args = tuple(
        torch.randn(*s, dtype=torch.float64).requires_grad_() for s in ((2, 3), (3, 4), (4, 2))
    )
    assert torch.autograd.gradcheck(lambda *t: torch.einsum("ij,jk,kl->il", *t), args)


@pytest.mark.parametrize(
    "equation,shapes,message",
    [
        ("ij,jk", ((2, 3), (4, 5)), "einsum(): subscript j has size 4 for operand 1 which does not broadcast with previously seen size 3"),
        ("ij", ((2, 3, 4),), "einsum(): the number of subscripts in the equation (2) does not match the number of dimensions (3) for operand 0 and no ellipsis was given"),
        ("i->j", ((2,),), "einsum(): output subscript j does not appear in the equation for any input operand"),
        ("i->ii", ((2,),), "einsum(): output subscript i appears more than once in the output"),
        ("ii", ((2, 3),), "einsum(): subscript i is repeated for operand 0 but the sizes don't match, 3 != 2"),
    ],
)  # fmt: skip
def test_einsum_errors(equation: str, shapes, message: str) -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.einsum(equation, *(torch.randn(*s) for s in shapes))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "left,right,dims",
    [((2, 3), (3, 4), 1), ((2, 3, 4), (4, 3, 5), ([1, 2], [1, 0])), ((2, 3), (4,), 0)],
)
def test_tensordot(left, right, dims) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal(left), rng.standard_normal(right)
    got = torch.tensordot(torch.from_numpy(a), torch.from_numpy(b), dims)
    np.testing.assert_allclose(got.numpy(), np.tensordot(a, b, dims), rtol=1e-10)


def test_the_rest() -> None:
    rng = np.random.default_rng(2)
    a, b, w = (
        rng.standard_normal((2, 6, 3)),
        rng.standard_normal((2, 6, 4)),
        rng.standard_normal((5, 3, 4)),
    )
    got = torch.bilinear(*map(torch.from_numpy, (a, b, w)))
    np.testing.assert_allclose(got.numpy(), np.einsum("abn,onm,abm->abo", a, w, b), rtol=1e-10)
    x = torch.from_numpy(a)
    np.testing.assert_allclose(torch.inner(x, x).numpy(), np.inner(a, a), rtol=1e-10)
    chain = [torch.randn(*s, dtype=torch.float64) for s in ((2, 30), (30, 4), (4, 50))]
    np.testing.assert_allclose(
        torch.chain_matmul(*chain).numpy(), (chain[0] @ chain[1] @ chain[2]).numpy(), rtol=1e-10
    )
