"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import rushlight as torch
from rushlight import nn


def names(module) -> list[str]:
    return [type(child).__name__ for child in module]


def test_sequential_as_a_list() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert len(net) == 3 and net[-1] is net[2]
    assert names(net[:2]) == ["Linear", "ReLU"]
    net[1] = nn.Tanh()
    net.append(nn.Sigmoid()).insert(0, nn.Identity()).extend([nn.ELU()])
    assert names(net) == ["Identity", "Linear", "Tanh", "Linear", "Sigmoid", "ELU"]
    del net[0]
    assert isinstance(net.pop(-1), nn.ELU)
    assert list(net._modules) == ["0", "1", "2", "3"]
    assert net(torch.ones(1, 2)).shape == (1, 1)


def test_sequential_arithmetic() -> None:
    a, b = nn.Sequential(nn.ReLU()), nn.Sequential(nn.Tanh())
    assert names(a + b) == ["ReLU", "Tanh"]
    assert names(a * 2) == names(2 * a) == ["ReLU", "ReLU"]
    a += b
    a *= 2
    assert names(a) == ["ReLU", "Tanh", "ReLU", "Tanh"]
    with pytest.raises(ValueError, match="Non-positive multiplication factor 0"):
        a * 0
    with pytest.raises(ValueError, match="add operator supports only objects of Sequential"):
        a + 1
    with pytest.raises(IndexError, match="index 9 is out of range"):
        a[9]


def test_sequential_with_names() -> None:
    net = nn.Sequential(OrderedDict(first=nn.Linear(1, 1), second=nn.ReLU()))
    assert net.first is net[0]
    assert list(net.state_dict()) == ["first.weight", "first.bias"]


def test_module_list() -> None:
    layers = nn.ModuleList(nn.Linear(1, 1) for _ in range(3))
    layers.insert(1, nn.ReLU())
    layers += [nn.Tanh()]
    assert names(layers) == ["Linear", "ReLU", "Linear", "Linear", "Tanh"]
    assert isinstance(layers[1:3], nn.ModuleList)
    assert repr(nn.ModuleList([nn.ReLU(), nn.ReLU()])) == ("ModuleList(\n  (0-1): 2 x ReLU()\n)")
    with pytest.raises(TypeError, match="ModuleList.extend should be called with an iterable"):
        layers.extend(3)


def test_module_dict() -> None:
    layers = nn.ModuleDict({"a": nn.ReLU()})
    layers.update([("b", nn.Tanh())])
    layers["c"] = nn.Linear(1, 1)
    assert list(layers) == ["a", "b", "c"] and "b" in layers and len(layers) == 3
    assert isinstance(layers.pop("b"), nn.Tanh)
    with pytest.raises(KeyError):
        layers["b"]
    layers.clear()
    assert len(list(layers.parameters())) == 0


def test_parameter_list() -> None:
    params = nn.ParameterList([torch.zeros(2), 5])
    params.append(nn.Parameter(torch.ones(1)))
    assert isinstance(params[0], nn.Parameter) and params[1] == 5 and len(params) == 3
    assert list(params.state_dict()) == ["0", "2"]
    assert len(params[1:]) == 2
    with pytest.raises(RuntimeError, match="ParameterList should not be called"):
        params()


def test_parameter_dict() -> None:
    params = nn.ParameterDict({"b": torch.zeros(2), "a": torch.ones(1)})
    assert list(params) == ["a", "b"]  # a plain dict is taken in sorted order
    params |= {"c": torch.zeros(3)}
    assert params.popitem()[0] == "c"
    assert params.setdefault("d", 4) == 4 and params.get("e", 7) == 7
    assert [key for key, _ in params.named_parameters()] == ["a", "b"]
    assert len(params.copy()) == 3
    with pytest.raises(TypeError, match="cannot be used as a key as it is not a string"):
        params[3] = torch.zeros(1)
