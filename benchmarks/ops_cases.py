"""The operators that `benchmarks/ops.py` times: an expression each, over inputs that its names stand for.

Inputs are made by `Inputs`, n = 8, 256 or 2048: `x` and `y` are float32 (n, n), `row` (n), `col` (n, 1), and so on. An
operator is timed forward, and with its backward pass where it has one; those with layouts also on transposed inputs
and on inputs with gaps, those with dtypes also in these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SIZES = {"small": 8, "medium": 256, "large": 2048}

HALVES = ("float16", "bfloat16")
NUMBERS = ("float64", "float16", "bfloat16", "int64")


@dataclass
class Op:
    name: str
    code: str
    backward: bool = True
    layouts: bool = False
    dtypes: tuple[str, ...] = ()


@dataclass
class Case:
    op: Op
    size: str
    mode: str  # "forward", "backward" (forward and backward), a layout or a dtype

    @property
    def key(self) -> str:
        return f"{self.op.name}/{self.size}/{self.mode}"


def forward(name: str, code: str, **options: Any) -> Op:
    return Op(name, code, backward=False, **options)


OPS = [
    # arithmetic
    Op("add", "x + y", layouts=True, dtypes=NUMBERS),
    Op("add number", "x + 1.5", layouts=True),
    Op("add row", "x + row"),
    Op("add column", "x + col"),
    Op("sub", "x - y"),
    Op("mul", "x * y", layouts=True, dtypes=NUMBERS),
    Op("div", "x / pos", dtypes=("float64", "int64")),
    Op("neg", "-x"),
    Op("square", "x ** 2"),
    Op("pow", "pos ** y"),
    Op("addcmul", "torch.addcmul(x, y, pos, value=0.5)"),
    Op("lerp", "torch.lerp(x, y, 0.3)"),
    Op("maximum", "torch.maximum(x, y)", dtypes=("int64",)),
    Op("clamp", "x.clamp(-1, 1)", dtypes=("int64",)),
    Op("where", "torch.where(mask, x, y)", layouts=True),
    forward("less", "x < y", dtypes=NUMBERS, layouts=True),
    forward("logical and", "mask & other"),
    forward("remainder", "ints % 7"),
    forward("floor divide", "ints // 7"),
    forward("add in place", "z.add_(y)"),
    forward("mul in place by number", "z.mul_(1.0)"),
    forward("isnan", "torch.isnan(x)"),
    forward("isfinite all", "torch.isfinite(x).all()"),
    forward("equal", "torch.equal(x, same)"),
    forward("allclose", "torch.allclose(x, same)"),
    # functions of one number
    Op("abs", "x.abs()"),
    Op("exp", "x.exp()", layouts=True, dtypes=("float64", *HALVES)),
    Op("log", "pos.log()", dtypes=("float64",)),
    Op("sqrt", "pos.sqrt()"),
    Op("rsqrt", "pos.rsqrt()"),
    Op("sin", "x.sin()"),
    Op("tanh", "x.tanh()", dtypes=HALVES),
    Op("erf", "x.erf()"),
    forward("round", "x.round()"),
    # activations
    Op("sigmoid", "x.sigmoid()", dtypes=HALVES),
    Op("relu", "F.relu(x)", layouts=True, dtypes=HALVES),
    Op("leaky_relu", "F.leaky_relu(x, 0.1)"),
    Op("elu", "F.elu(x)"),
    Op("gelu", "F.gelu(x)", dtypes=HALVES),
    Op("silu", "F.silu(x)"),
    Op("softplus", "F.softplus(x)"),
    Op("hardswish", "F.hardswish(x)"),
    Op("dropout", "F.dropout(x, 0.5)"),
    # reductions
    Op("sum", "x.sum()", layouts=True, dtypes=NUMBERS),
    Op("sum rows", "x.sum(1)", layouts=True, dtypes=NUMBERS),
    Op("sum columns", "x.sum(0)", layouts=True, dtypes=NUMBERS),
    Op("mean", "x.mean()", dtypes=("float64", *HALVES)),
    Op("mean rows", "x.mean(1)"),
    Op("var", "x.var()"),
    Op("std rows", "x.std(1)"),
    Op("norm", "x.norm()"),
    Op("prod rows", "x.prod(1)"),
    Op("max", "x.max()", dtypes=NUMBERS),
    Op("max rows", "x.max(1)[0]", dtypes=NUMBERS),
    Op("amax columns", "x.amax(0)"),
    forward("argmax rows", "x.argmax(1)", layouts=True, dtypes=("int64", *HALVES)),
    forward("argmax columns", "x.argmax(0)"),
    Op("logsumexp", "x.logsumexp(1)"),
    forward("any", "none.any()"),
    forward("all rows", "mask.all(1)"),
    forward("count true", "mask.sum()"),
    Op("cumsum rows", "x.cumsum(1)", dtypes=("int64",)),
    Op("cumsum columns", "x.cumsum(0)"),
    # normalisation and losses
    Op("softmax", "x.softmax(1)", layouts=True, dtypes=HALVES),
    Op("softmax columns", "x.softmax(0)"),
    Op("log_softmax", "x.log_softmax(1)"),
    Op("layer_norm", "F.layer_norm(x, (n,), row, row)", dtypes=HALVES),
    Op("batch_norm", "F.batch_norm(image, None, None, chan, chan, True)"),
    Op("group_norm", "F.group_norm(image, 4, chan, chan)"),
    Op("cross_entropy", "F.cross_entropy(x, labels)"),
    Op("mse_loss", "F.mse_loss(x, y)"),
    Op("l1_loss", "F.l1_loss(x, y)"),
    Op("bce_with_logits", "F.binary_cross_entropy_with_logits(x, unit)"),
    Op("smooth_l1", "F.smooth_l1_loss(x, y)"),
    # products, convolutions, pooling
    Op("matmul", "mx @ my", dtypes=("float64", *HALVES)),
    Op("matmul transposed", "mx @ my.t()"),
    Op("matrix times vector", "x @ row"),
    Op("dot", "torch.dot(flat, flat2)"),
    Op("linear", "F.linear(mx, my, mrow)"),
    Op("bmm", "torch.bmm(bx, by)"),
    Op("einsum", "torch.einsum('bij,bjk->bik', bx, by)"),
    Op("conv2d", "F.conv2d(image, kernel, padding=1)"),
    Op("conv1d", "F.conv1d(series, kernel1, padding=1)"),
    Op("max_pool2d", "F.max_pool2d(image, 2)"),
    Op("avg_pool2d", "F.avg_pool2d(image, 2)"),
    Op("adaptive_avg_pool2d", "F.adaptive_avg_pool2d(image, 1)"),
    Op("interpolate", "F.interpolate(image, scale_factor=2.0, mode='bilinear')"),
    Op("upsample nearest", "F.interpolate(image, scale_factor=2.0)"),
    # shapes and copies
    Op("clone", "x.clone()", layouts=True),
    Op("cat rows", "torch.cat([x, y])", dtypes=("int64",)),
    Op("cat columns", "torch.cat([x, y], 1)"),
    Op("stack", "torch.stack([x, y])"),
    Op("transpose copy", "x.t().contiguous()", dtypes=("float64", "float16", "int64", "bool")),
    Op("NCHW to NHWC", "image.permute(0, 2, 3, 1).contiguous()"),
    Op("channels last copy", "image.contiguous(memory_format=torch.channels_last)"),
    Op("every second column", "x[:, ::2].contiguous()", dtypes=("float64", "float16", "bool")),
    Op("every second row", "x[::2].contiguous()"),
    Op("left half", "x[:, : n // 2].contiguous()"),
    Op("flip", "x.flip(1)"),
    Op("roll", "x.roll(3, 1)"),
    Op("repeat", "x.repeat(2, 2)"),
    Op("expand copy", "col.expand(n, n).contiguous()"),
    Op("pad", "F.pad(x, (1, 1, 1, 1))"),
    Op("tril", "x.tril()"),
    Op("split", "[t + 1 for t in x.split(n // 4)][0]"),
    Op("unfold", "F.unfold(image, 3)"),
    forward("copy into", "z.copy_(y)"),
    # indices
    Op("index_select rows", "x.index_select(0, rows)"),
    Op("index_select columns", "x.index_select(1, rows)"),
    Op("index", "x[rows]", dtypes=("int64",)),
    Op("index pairs", "x[rows, labels]"),
    forward("boolean mask", "x[mask]"),
    Op("masked_fill", "x.masked_fill(mask, 0.0)"),
    Op("gather", "x.gather(1, spots)"),
    forward("scatter", "z.scatter_(1, spots, y)"),
    forward("scatter_add", "z.scatter_add_(1, spots, y)"),
    forward("index_add", "z.index_add_(0, rows, y)"),
    forward("index_put", "z.__setitem__(rows, y)"),
    forward("masked assignment", "z.__setitem__(mask, 1.0)"),
    forward("nonzero", "mask.nonzero()"),
    Op("embedding", "F.embedding(tokens, x)"),
    forward("one_hot", "F.one_hot(labels, n)"),
    # order
    forward("sort", "x.sort(1)[0]", dtypes=("int64",)),
    forward("sort all", "flat.sort()[0]"),
    forward("argsort", "x.argsort(1)"),
    Op("topk", "x.topk(5, 1)[0]"),
    Op("median rows", "x.median(1)[0]"),
    forward("unique", "small_ints.unique()"),
    forward("bincount", "small_ints.bincount()"),
    forward("searchsorted", "torch.searchsorted(sorted_row, x)"),
    # made anew
    forward("zeros", "torch.zeros(n, n)"),
    forward("ones", "torch.ones(n, n)"),
    forward("arange", "torch.arange(n * n)"),
    forward("rand", "torch.rand(n, n)"),
    forward("randn", "torch.randn(n, n)"),
    forward("randint", "torch.randint(0, 10, (n, n))"),
    forward("randperm", "torch.randperm(n * n)"),
    forward("bernoulli", "torch.bernoulli(unit)"),
    forward("multinomial", "torch.multinomial(pos_row, 4)"),
    # conversions
    Op("to float16", "x.half()"),
    Op("to bfloat16", "x.bfloat16()"),
    Op("to float64", "x.double()"),
    forward("to int64", "x.long()"),
    forward("to bool", "x.bool()"),
    forward("float16 to float32", "half.float()"),
    forward("int64 to float32", "ints.float()"),
    forward("bool to float32", "mask.float()"),
    forward("uint8 to float32", "bytes_.float() / 255"),
    forward("item", "x[0, 0].item()"),
    forward("tolist", "row.tolist()"),
]

LAYOUTS = ("transposed", "gaps")


class Inputs:
    """The tensors that an expression names, made on first use: the same for every library, by seed."""

    def __init__(self, torch: Any, n: int, mode: str) -> None:
        self.torch, self.n, self.mode = torch, n, mode
        self.dtype = getattr(torch, mode, None) if mode not in ("forward", "backward") else None

    def make(self, name: str) -> Any:
        self.torch.manual_seed(sum(map(ord, name)))
        return getattr(self, f"make_{name.rstrip('_')}")()

    def cast(self, t: Any) -> Any:
        if self.dtype is None:
            return t
        if self.dtype == self.torch.int64:
            return (t * 100).to(self.dtype)
        return t > 0 if self.dtype == self.torch.bool else t.to(self.dtype)

    def square(self) -> Any:
        n, randn = self.n, self.torch.randn
        if self.mode == "gaps":
            return randn(n, 2 * n)[:, ::2]
        return randn(n, n).t() if self.mode == "transposed" else self.cast(randn(n, n))

    make_x = make_y = make_z = square

    def make_same(self):
        self.torch.manual_seed(ord("x"))
        return self.make_x()

    def make_pos(self):
        return self.cast(self.torch.rand(self.n, self.n) + 0.5)

    def make_unit(self):
        return self.torch.rand(self.n, self.n)

    def make_row(self):
        return self.cast(self.torch.randn(self.n))

    def make_pos_row(self):
        return self.torch.rand(self.n)

    def make_sorted_row(self):
        return self.torch.randn(self.n).sort()[0]

    def make_col(self):
        return self.torch.randn(self.n, 1)

    def make_flat(self):
        return self.torch.randn(self.n * self.n)

    make_flat2 = make_flat

    def make_mask(self):
        return self.square() > 0

    make_other = make_mask

    def make_none(self):
        return self.torch.zeros(self.n, self.n, dtype=self.torch.bool)

    def make_ints(self):
        return self.torch.randint(-1000, 1000, (self.n, self.n))

    def make_small_ints(self):
        return self.torch.randint(0, 100, (self.n * self.n,))

    def make_bytes(self):
        return self.torch.randint(0, 256, (self.n, self.n), dtype=self.torch.uint8)

    def make_half(self):
        return self.torch.randn(self.n, self.n).half()

    def make_labels(self):
        return self.torch.randint(0, self.n, (self.n,))

    make_rows = make_labels

    def make_spots(self):
        return self.torch.randint(0, self.n, (self.n, self.n))

    def make_tokens(self):
        return self.torch.randint(0, self.n, (self.n,))

    # Products grow with the cube: their largest matrices are 1024 wide.
    def make_mx(self):
        m = min(self.n, 1024)
        return self.cast(self.torch.randn(m, m))

    make_my = make_mx

    def make_mrow(self):
        return self.torch.randn(min(self.n, 1024))

    def make_bx(self):
        batch, m = {8: (2, 4), 256: (16, 64), 2048: (64, 256)}[self.n]
        return self.torch.randn(batch, m, m)

    make_by = make_bx

    def make_image(self):
        shape = {8: (1, 4, 4, 4), 256: (4, 16, 32, 32), 2048: (16, 64, 64, 64)}[self.n]
        return self.torch.randn(*shape)

    def channels(self) -> int:
        return {8: 4, 256: 16, 2048: 64}[self.n]

    def make_chan(self):
        return self.torch.rand(self.channels())

    def make_kernel(self):
        return self.torch.randn(self.channels(), self.channels(), 3, 3)

    def make_series(self):
        shape = {8: (1, 4, 16), 256: (4, 16, 1024), 2048: (16, 64, 4096)}[self.n]
        return self.torch.randn(*shape)

    def make_kernel1(self):
        return self.torch.randn(self.channels(), self.channels(), 3)


def all_cases() -> list[Case]:
    cases = []
    for op in OPS:
        for size in SIZES:
            cases.append(Case(op, size, "forward"))
            if op.backward:
                cases.append(Case(op, size, "backward"))
            if size != "small":
                cases += [Case(op, size, mode) for mode in (LAYOUTS if op.layouts else ())]
                cases += [Case(op, size, mode) for mode in op.dtypes]
    return cases
