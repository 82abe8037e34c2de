"""`torch.__version__` is a string that compares as a version."""

from __future__ import annotations

import pytest

from rushlight.torch_version import TorchVersion


@pytest.mark.parametrize(
    "other", ["2.13", "2.12.9", "2.13.0", (2, 9), "1.13.1", (2,), "2.13.0rc1", "0.4"]
)
def test_later_or_equal(other):
    version = TorchVersion("2.13.0+rushlight")
    assert version >= other
    assert not version < other


@pytest.mark.parametrize("other", ["2.13.1", "2.14.0.dev20250101", (3, 0), "10.0"])
def test_earlier(other):
    version = TorchVersion("2.13.0+rushlight")
    assert version < other
    assert version <= other
    assert not version >= other
    assert version != other


def test_is_a_string():
    version = TorchVersion("2.13.0+rushlight")
    assert str(version).split("+")[0] == "2.13.0"
    assert version == "2.13.0+rushlight"
    assert version.startswith("2.")
    assert version != "nonsense"
    assert {version: 1}[version] == 1
