"""The names of layers and functions, side by side with what torchvision's tracer finds."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")

from torchvision_reference import reference  # noqa: E402

from rushlight.vision import models  # noqa: E402
from rushlight.vision.models import feature_extraction  # noqa: E402

torchvision = reference()

# Others agree in the names of their layers, and differ in those of functions that ask for sizes or read parameters.
SAME = (
    "resnet18 resnet50 alexnet vgg11_bn densenet121 squeezenet1_0 mobilenet_v2 mobilenet_v3_small efficientnet_b0 "
    "regnet_y_400mf mnasnet0_5"
).split()


@pytest.mark.parametrize("name", SAME)
def test_names(name):
    from torchvision.models.feature_extraction import get_graph_node_names

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = get_graph_node_names(getattr(torchvision.models, name)(weights=None))
        found = feature_extraction.get_graph_node_names(getattr(models, name)())
    assert found == expected
