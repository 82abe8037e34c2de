"""Old and small names, checked without PyTorch: algebra and the words of errors."""

from __future__ import annotations

import pytest

import rushlight as torch


def test_range_holds_its_end_and_warns():
    with pytest.warns(UserWarning, match=r"^torch\.range is deprecated"):
        assert torch.range(1, 3).tolist() == [1, 2, 3]


def test_low_rank_decompositions_are_exact_for_low_rank():
    torch.manual_seed(0)
    a = torch.randn(8, 2, dtype=torch.float64) @ torch.randn(2, 6, dtype=torch.float64)
    u, s, v = torch.svd_lowrank(a, q=2)
    assert torch.allclose(u * s @ v.mT, a)
    assert torch.allclose(u.mT @ u, torch.eye(2, dtype=torch.float64))
    u, s, v = torch.pca_lowrank(a, q=2)
    assert torch.allclose(u * s @ v.mT, a - a.mean(0))
    with pytest.raises(ValueError, match="not greater than min"):
        torch.pca_lowrank(a, q=7)


def test_segments_have_the_gradient_of_their_parts():
    x = torch.arange(6.0, dtype=torch.float64).add(1).requires_grad_()
    for reduce in ("sum", "mean", "max", "min", "prod"):
        lengths = torch.tensor([2, 1, 3])
        assert torch.autograd.gradcheck(
            lambda t: torch.segment_reduce(t, reduce, lengths=lengths),  # noqa: B023
            (x,),
        )


def test_a_tensor_of_the_cpu_records_no_stream():
    with pytest.raises(NotImplementedError, match="aten::record_stream"):
        torch.ones(1).record_stream(None)


def test_swap_refuses_what_is_in_use():
    import weakref

    a, b = torch.ones(1, requires_grad=True), torch.zeros(2)
    graph = a * 2
    with pytest.raises(RuntimeError, match="Expected single reference to t1's Tensor object"):
        torch.utils.swap_tensors(a, b)
    del graph
    kept = weakref.ref(b)
    with pytest.raises(RuntimeError, match="^Cannot swap t2 because it has weakref"):
        torch.utils.swap_tensors(a, b)
    assert kept() is b


def test_device_states_of_no_device():
    with pytest.raises(RuntimeError, match="^Cannot access accelerator device"):
        torch.utils.checkpoint.set_device_states([0], [torch.zeros(1)])


def test_a_missing_program_is_reported():
    from rushlight.utils.collect_env import run

    assert run(["no-such-program-at-all"]) == (127, "", "Command not found: no-such-program-at-all")


def test_gumbel_softmax_of_a_seed():
    torch.manual_seed(1)
    hard = torch.nn.functional.gumbel_softmax(torch.zeros(4, 3), hard=True)
    assert hard.sum(-1).tolist() == [1.0] * 4
