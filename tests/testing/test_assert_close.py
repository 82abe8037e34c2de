"""The texts of assert_close, and the inputs of make_tensor."""

import numpy as np
import pytest

import rushlight as torch
from rushlight.testing import assert_allclose, assert_close, make_tensor


def text(*args, **kwargs):
    with pytest.raises(AssertionError) as info:
        assert_close(*args, **kwargs)
    return str(info.value)


def test_tensors_that_differ():
    assert text(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 4.0])) == (
        "Tensor-likes are not close!\n\n"
        "Mismatched elements: 1 / 3 (33.3%)\n"
        "Greatest absolute difference: 1.0 at index (2,) (up to 1e-05 allowed)\n"
        "Greatest relative difference: 0.25 at index (2,) (up to 1.3e-06 allowed)"
    )
    assert text(torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1, 2], [3, 8]])) == (
        "Tensor-likes are not equal!\n\n"
        "Mismatched elements: 1 / 4 (25.0%)\n"
        "Greatest absolute difference: 4 at index (1, 1)\n"
        "Greatest relative difference: 0.5 at index (1, 1)"
    )


def test_attributes_scalars_and_containers():
    assert "attribute 'shape'" in text(torch.ones(2), torch.ones(3))
    assert "attribute 'dtype'" in text(torch.ones(2), torch.ones(2).double())
    assert text(1.0, 2.0).splitlines()[2] == "Expected 2.0 but got 1.0."
    assert text([torch.ones(1)], [torch.zeros(1)]).endswith("The failure occurred for item [0]")
    assert "Missing keys in the actual mapping: ['b']" in text({"a": 1}, {"a": 1, "b": 2})
    assert text(1, 2, msg="mine") == "mine"
    assert text(1, 2, msg=lambda m: "mine: " + m[:7]) == "mine: Scalars"


def test_what_is_close():
    assert_close(torch.ones(3), torch.ones(3) + 1e-7)
    assert_close({"a": [torch.ones(1), 2]}, {"a": (torch.ones(1), 2)})
    assert_close(np.ones(2), np.ones(2))
    nan = torch.tensor([float("nan")])
    assert_close(nan, nan.clone(), equal_nan=True)
    assert "Mismatched" in text(nan, nan.clone())
    assert_close(torch.ones(2), torch.ones(2).double(), check_dtype=False)
    with pytest.raises(ValueError, match="got no atol"):
        assert_close(1.0, 1.0, rtol=0.1)
    with pytest.raises(TypeError, match="No comparison pair"):
        assert_close("a", "a")
    with pytest.warns(FutureWarning, match="deprecated"):
        assert_allclose(torch.ones(2), np.ones(2))


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.uint8]
)
def test_inputs(dtype):
    x = make_tensor((50, 3), dtype=dtype, device="cpu")
    assert x.dtype is dtype and x.shape == (50, 3)
    y = make_tensor(4, 6, dtype=dtype, device="cpu", noncontiguous=True)
    assert not y.is_contiguous() and y.shape == (4, 6)
    assert (make_tensor(99, dtype=dtype, device="cpu", low=0, high=2, exclude_zero=True) != 0).all()
