"""Known answers: numbers published for the algorithms, and PyTorch 2.13's after manual_seed(1) as IEEE bits."""

from __future__ import annotations

import struct

import pytest

import rushlight as torch


def bits(tensor) -> list[str]:
    """The elements as hexadecimal IEEE bits."""
    code, digits = (">d", 16) if tensor.dtype == torch.float64 else (">f", 8)
    values = tensor.reshape(-1).tolist()
    return [f"{int.from_bytes(struct.pack(code, value), 'big'):0{digits}x}" for value in values]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


def words(count: int) -> list[int]:
    """Raw 32-bit outputs, as pairs make the 64-bit numbers of a full-range fill."""
    pairs = torch.empty(count, dtype=torch.int64).random_(-(2**63), None).tolist()
    return [word for pair in pairs for word in ((pair >> 32) & 0xFFFFFFFF, pair & 0xFFFFFFFF)]


def test_mersenne_twister():
    assert words(2)[:3] == [1791095845, 4282876139, 3093770124]
    torch.manual_seed(5489)
    # Also of the C++ standard: the 10,000th number of mt19937 with its default seed.
    numbers = words(5000)
    assert numbers[:3] == [3499211612, 581869302, 3890346734]
    assert numbers[9999] == 4123659995


def test_rand():
    assert bits(torch.rand(5)) == "3f41f425 3e8f01d6 3ece5f18 3f3c1448 3cefdfe0".split()


def test_rand_double():
    got = bits(torch.rand(3, dtype=torch.float64))
    assert got == "3faf425ff4780eb0 3fccbe33baf05120 3fcdfbfc83330e24".split()


def test_randn():
    assert bits(torch.randn(5)) == "3f294e60 3e88aa47 3d7ca14b 3f1f0ea7 bee76038".split()


def test_randn_double():
    got = bits(torch.randn(3, dtype=torch.float64))
    assert got == "3fe529cc078113da 3fd11548d02b8fe5 3faf94295e129d76".split()


def test_randn_block():
    got = bits(torch.randn(20))
    assert got[:4] == "bfc346ba bf400f31 bf276b4b bfce0399".split()
    assert got[16:] == "bf4c668d 3eabe4df 3e8cf884 3fdbafce".split()


def test_randint():
    assert torch.randint(0, 10, (7,)).tolist() == [5, 9, 4, 8, 3, 3, 1]


def test_randint_wide():
    got = torch.randint(0, 2**33 + 1, (3,)).tolist()
    assert got == [7682295513, 2458418306, 4845011978]


def test_randperm():
    assert torch.randperm(10).tolist() == [5, 6, 1, 2, 0, 8, 9, 3, 7, 4]


def test_bernoulli_and_dropout():
    want = [1, 1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1]
    assert torch.empty(12).bernoulli_(0.5).tolist() == want
    torch.manual_seed(1)
    assert (torch.dropout(torch.ones(12), 0.5, True) / 2).tolist() == want


def test_exponential():
    got = bits(torch.empty(4).exponential_())
    assert got == "3d810454 3e8235ea 3e88a77c 3e479905".split()


def test_multinomial():
    weights = torch.tensor([0.1, 3.0, 0.5, 0.0, 2.0, 0.7, 0.9, 1.1])
    assert torch.multinomial(weights, 4).tolist() == [1, 5, 4, 2]
    torch.manual_seed(1)
    assert torch.multinomial(weights, 8, True).tolist() == [1, 1, 1, 1, 4, 1, 4, 5]


def test_data_loader_order():
    dataset = torch.utils.data.TensorDataset(torch.arange(10))
    loader = torch.utils.data.DataLoader(dataset, 3, shuffle=True)
    order = torch.cat([batch[0] for batch in loader]).tolist()
    assert order == [4, 2, 0, 6, 8, 7, 9, 1, 5, 3]


def test_linear_layer():
    layer = torch.nn.Linear(4, 3)
    assert bits(layer.weight.detach()[0]) == "3e83e84a be61fc54 bdc683a0 3e705120".split()
    assert bits(layer.bias.detach()) == "3e3aff30 be4786e4 bd155130".split()
