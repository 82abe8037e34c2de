"""Convolution and batch normalisation leave their last step to the operator that follows: the
results must be those of separate operators, in every bit, whatever else is kept, changed or read."""

import random
import threading

import pytest

import rushlight as torch
import rushlight.nn.functional as F


def apart(t):
    """The same values in memory of their own, which nothing is left open in."""
    return t.clone()


def spread(bn):
    """Parameters and statistics that are not 0 and 1."""
    torch.nn.init.uniform_(bn.weight, -1, 1)
    torch.nn.init.uniform_(bn.bias, -1, 1)
    torch.nn.init.uniform_(bn.running_var, 0.5, 2)
    torch.nn.init.normal_(bn.running_mean)
    return bn


def operands(shape, last):
    torch.manual_seed(0)
    x, other = torch.randn(*shape), torch.randn(*shape)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
        other = other.contiguous(memory_format=torch.channels_last)
    return x, other


CASES = pytest.mark.parametrize(
    "shape, last, training",
    [((4, 64, 28, 28), True, True), ((3, 70, 17, 13), True, False), ((3, 70, 17, 13), False, True)],
)


def bn_of(shape, training):
    return spread(torch.nn.BatchNorm2d(shape[1])).train(training)


@CASES
def test_sum_and_relu_after_batch_norm(shape, last, training):
    x, other = operands(shape, last)
    one, two = bn_of(shape, training), bn_of(shape, training)
    y, z = apart(one(x)), apart(two(other))
    assert torch.equal(F.relu(one(x)), F.relu(y))
    assert torch.equal(one(x) + other, y + other)
    assert torch.equal(F.relu(other + one(x)), F.relu(other + y))
    assert torch.equal(F.relu(two(other) + one(x)), F.relu(z + y))
    t = one(x)
    t += other
    assert torch.equal(F.relu(t, inplace=True), F.relu(y + other))
    t = one(x)
    assert torch.equal(t + t, y + y)
    assert torch.equal(torch.add(one(x), other, alpha=2), torch.add(y, other, alpha=2))


@CASES
def test_the_open_result_is_read_too(shape, last, training):
    x, other = operands(shape, last)
    bn = bn_of(shape, training)
    y = apart(bn(x))
    t = bn(x)
    r = F.relu(t)
    s = t + other
    assert torch.equal(r, F.relu(y))
    assert torch.equal(s, y + other)
    assert torch.equal(t, y)
    assert bn(x).detach().numpy().tolist() == y.detach().numpy().tolist()
    assert bn(x)[0, 0, 0, 0].item() == y[0, 0, 0, 0].item()
    assert torch.equal(bn(x).detach(), y)


@CASES
def test_changes_of_what_an_open_step_reads(shape, last, training):
    x, other = operands(shape, last)
    bn = bn_of(shape, training)
    y = apart(bn(x))

    def add(t):
        t.add_(1)

    def through_numpy(t):
        t.numpy()[:] = 0

    def assign(t):
        t[0] = 3

    for change in (torch.Tensor.zero_, add, F.relu_, through_numpy, assign):
        source = x.clone()
        t = bn(source)
        change(source)
        assert torch.equal(t, y), change
        source = other.clone()
        t = F.relu(bn(x) + source)
        change(source)
        assert torch.equal(t, F.relu(y + other)), change
    out = torch.empty_like(x)
    t = bn(x)
    with torch.no_grad():
        torch.add(x, 1, out=x)
        torch.add(t, other, out=out)
    assert torch.equal(out, y + other)


def test_an_optimizer_changes_what_an_open_step_reads():
    torch.manual_seed(0)
    conv, x = torch.nn.Conv2d(32, 64, 3, padding=1), torch.randn(2, 32, 24, 24)
    with torch.no_grad():
        expected = [apart(conv(x)) for _ in range(3)][-1]
    optimizer = torch.optim.SGD(conv.parameters(), lr=1.0)
    for p in conv.parameters():
        p.grad = torch.ones_like(p)
    with torch.no_grad():
        y = conv(x)
        optimizer.step()
        assert torch.equal(y, expected)


def test_a_numpy_array_under_the_input():
    """Changes of foreign memory are not seen, so nothing that reads it is left open."""
    np = pytest.importorskip("numpy")
    bn = spread(torch.nn.BatchNorm2d(16)).eval()
    array = np.ones((2, 16, 32, 32), np.float32)
    y = bn(torch.from_numpy(array))
    array[:] = 5
    assert torch.equal(y, bn(torch.ones(2, 16, 32, 32)))


class Block(torch.nn.Module):
    """A residual block; `seen` looks at every value on the way."""

    def __init__(self, kernel, inputs, outputs, stride, groups, bias, inplace):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(
            inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias
        )
        self.conv2 = torch.nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.down = torch.nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.bn1, self.bn2, self.bn3 = (spread(torch.nn.BatchNorm2d(outputs)) for _ in range(3))
        self.inplace = inplace

    def forward(self, x, seen=lambda t: t):
        y = F.relu(seen(self.bn1(seen(self.conv1(x)))), inplace=self.inplace)
        y = seen(self.bn2(seen(self.conv2(seen(y)))))
        identity = seen(self.bn3(seen(self.down(x))))
        if self.inplace:
            y += identity
            return F.relu_(seen(y))
        return F.relu(seen(y + identity))


BLOCKS = [
    (3, 64, 64, 1, 1, False),  # Winograd
    (1, 64, 128, 1, 1, False),  # the library
    (3, 64, 64, 2, 1, True),
    (3, 64, 64, 1, 64, False),  # depthwise
    (3, 48, 80, 1, 1, False),
    (5, 16, 32, 1, 1, True),
    (7, 3, 64, 2, 1, False),  # few channels
    (3, 64, 64, 1, 2, False),
]


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("sizes", BLOCKS, ids=str)
def test_a_block_in_evaluation(sizes, inplace):
    torch.manual_seed(0)
    model, x = Block(*sizes, inplace).eval(), torch.randn(2, sizes[1], 28, 28)
    with torch.no_grad():
        for _ in range(3):  # kernels keep weights in their own order from the second call on
            result = apart(model(x))
        assert torch.equal(result, model(x, apart))
        kept = []

        def keep(t):
            kept.append(t)
            return t

        assert torch.equal(result, model(x, keep))
        if not inplace:
            copies = []
            model(x, lambda t: copies.append(apart(t)) or t)
            assert all(torch.equal(a, b) for a, b in zip(kept, copies, strict=True))


@pytest.mark.parametrize("inplace", [False, True])
def test_gradients_of_a_block(inplace):
    torch.manual_seed(0)
    model = Block(3, 32, 64, 1, 1, False, inplace)
    x = torch.randn(2, 32, 20, 20)

    def gradients(seen):
        model.zero_grad()
        source = x.clone().requires_grad_()
        model(source, seen).square().sum().backward()
        return [source.grad, *(p.grad.clone() for p in model.parameters())]

    for a, b in zip(gradients(lambda t: t), gradients(apart), strict=True):
        assert torch.equal(a, b)


def test_threads_share_an_open_result():
    torch.manual_seed(0)
    model, x = Block(3, 64, 64, 1, 1, False, False).eval(), torch.randn(4, 64, 28, 28)
    with torch.no_grad():
        for _ in range(3):
            expected = apart(model(x))
        for _ in range(20):
            y, seen = model(x), []

            def read(y=y, seen=seen):
                seen.append(torch.equal(y, expected))

            threads = [threading.Thread(target=read) for _ in range(4)]
            for t in threads:
                t.start()
            for t in threads:
                t.join(60)
            assert seen == [True] * 4


def test_results_that_nobody_reads():
    bn, x = torch.nn.BatchNorm2d(16), torch.randn(4, 16, 32, 32)
    before = torch.cpu.memory_stats()["allocated_bytes.all.current"]
    bn(x)
    F.relu(bn(x) + x)
    torch.ones(1).add_(1)
    assert torch.cpu.memory_stats()["allocated_bytes.all.current"] == before
    assert bn.num_batches_tracked == 2


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_gradient_of_relu_after_batch_norm(last, training):
    x, other = operands((3, 40, 20, 20), last)
    x[0, 0, 0, 0] = float("nan") if not training else 0.0
    bn = bn_of(x.shape, training)
    state = {k: v.clone() for k, v in bn.state_dict().items()}

    def run(forward):
        bn.load_state_dict(state)
        bn.zero_grad()
        source = x.clone().requires_grad_()
        seen = forward(source)
        return [source.grad, bn.weight.grad.clone(), bn.bias.grad.clone(), *seen]

    def plain(source, inplace=False):
        F.relu(bn(source), inplace=inplace).backward(other)
        return []

    def hooked(source):
        seen, y = [], bn(source)
        y.register_hook(lambda g: seen.append(g))
        F.relu(y).backward(other)
        return seen

    def retained(source):
        y = bn(source)
        y.retain_grad()
        F.relu(y).backward(other)
        return [y.grad]

    def used_twice(source):
        y = bn(source)
        (F.relu(y) * other + y * 2).sum().backward()
        return []

    reference = run(lambda s: F.relu(bn(s) + 0).backward(other) or [])
    for forward in (plain, lambda s: plain(s, True), hooked, retained):
        for a, b in zip(run(forward), reference, strict=False):
            assert torch.equal(a.nan_to_num(7), b.nan_to_num(7)), forward
    masked = (apart(bn(x)).detach() <= 0).logical_not() * other
    bn.load_state_dict(state)
    for forward in (hooked, retained):
        assert torch.equal(run(forward)[3], masked)

    def twice_apart(source):
        y = bn(source) + 0
        (F.relu(y) * other + y * 2).sum().backward()
        return []

    for a, b in zip(run(used_twice), run(twice_apart), strict=True):
        assert torch.equal(a.nan_to_num(7), b.nan_to_num(7))


class Program:
    """A random program over four tensors; `settle` runs after every step."""

    def __init__(self, seed, settle):
        torch.manual_seed(seed)
        self.settle, self.last = settle, bool(seed % 2)
        shape = (2, 32, 16, 16)
        self.bns = [bn_of(shape, training) for training in (True, False, False)]
        self.convs = [torch.nn.Conv2d(32, 32, k, padding=k // 2) for k in (1, 3)]
        self.values = [self.new(shape) for _ in range(4)]
        self.views = []
        self.random = random.Random(seed)

    def new(self, shape):
        t = torch.randn(*shape)
        return t.contiguous(memory_format=torch.channels_last) if self.last else t

    def step(self):
        pick = self.random.choice
        i, j = self.random.randrange(4), self.random.randrange(4)
        v, x = self.values, self.values[i]
        kind = self.random.randrange(16)
        if kind <= 4:
            v[j] = pick(self.bns)(x)
        elif kind <= 6:
            v[j] = pick(self.convs)(x)
        elif kind == 7:
            v[j] = F.relu(x)
        elif kind == 8:
            F.relu_(x)
        elif kind == 9:
            v[j] = x + v[j]
        elif kind == 10:
            x += v[j]
        elif kind == 11:
            torch.add(x, v[j], out=v[(i + 1) % 4])
        elif kind == 12:
            self.views.append(x[:, : self.random.randrange(1, 33)])
        elif kind == 13 and self.views:
            pick(self.views).mul_(0.5)
        elif kind == 14:
            x.clamp_(-3, 3)
        else:
            with torch.enable_grad():
                leaf = x.detach().requires_grad_()
                F.relu(pick(self.bns)(leaf)).backward(v[j])
                v[j] = leaf.grad
        self.settle()

    def run(self):
        with torch.no_grad():
            for _ in range(40):
                self.step()
        return [*self.values, *self.views, *(b.running_mean for b in self.bns)]


# The last ones change a convolution's result in place while a later step is made of it.
@pytest.mark.parametrize("seed", [*range(60), 1397, 1833, 2332])
def test_random_programs(seed):
    one = torch.ones(1)
    # An operator that does not join runs every open step.
    expected = Program(seed, lambda: one.neg()).run()
    for a, b in zip(Program(seed, lambda: None).run(), expected, strict=True):
        assert torch.equal(a.nan_to_num(7), b.nan_to_num(7))
