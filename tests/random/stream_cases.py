"""Programs that draw random numbers, written for any module with PyTorch's interface.

Each case is a function of that module which returns a tensor, or a list of numbers. The same cases are recorded
from PyTorch (tools/record_random_golden.py), replayed against the record (test_golden_streams.py) and compared side
by side (tests/conformance/test_random_streams.py), in their values and in the generator's state afterwards.
"""

from __future__ import annotations

import hashlib
import random

SEEDS = (1, 0, 42, 2**32 + 7, -5)

CASES: dict[str, tuple] = {}


def case(name, run, seeds=SEEDS):
    assert name not in CASES, name
    CASES[name] = (run, seeds)


def to_bytes(result) -> bytes:
    """The bytes of a case's result, whatever the element type."""
    import numpy as np

    if isinstance(result, (list, tuple)):
        return np.asarray(result, dtype=np.int64).tobytes()
    result = result.detach()
    name = str(result.dtype).rpartition(".")[2]
    if name == "bfloat16":  # numpy has no such type; widening is exact
        result = result.float()
    elif name.startswith("complex"):
        result = view_as_real(result)
    return np.ascontiguousarray(result.contiguous().numpy()).tobytes()


def view_as_real(result):
    import importlib

    return importlib.import_module(type(result).__module__.partition(".")[0]).view_as_real(result)


def run_case(lib, name: str, seed: int) -> tuple[bytes, bytes]:
    """Result and generator state after running a case from a seed."""
    run, _ = CASES[name]
    lib.manual_seed(seed)
    result = to_bytes(run(lib))
    return result, to_bytes(lib.get_rng_state())


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:24]


FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")


def dt(t, name):
    return getattr(t, name)


def add_uniform_cases():
    for n in (1, 5, 20, 1000):
        case(f"rand({n})", lambda t, n=n: t.rand(n))
    for d in FLOATS[1:]:
        case(f"rand(5,{d})", lambda t, d=d: t.rand(5, dtype=dt(t, d)))
        case(f"rand(4096,{d})", lambda t, d=d: t.rand(4096, dtype=dt(t, d)))
    for d in FLOATS:
        case(
            f"uniform_(-3.3,7.7) {d}",
            lambda t, d=d: t.empty(2000, dtype=dt(t, d)).uniform_(-3.3, 7.7),
        )
    case("rand(4,complex64)", lambda t: t.view_as_real(t.rand(4, dtype=t.complex64)))
    case("rand(4,complex128)", lambda t: t.view_as_real(t.rand(4, dtype=t.complex128)))
    case("rand of a transposed tensor", lambda t: t.empty(4, 3).t().uniform_().t())
    case("uniform_ on a strided slice", lambda t: t.zeros(6, 4)[:, ::2].uniform_())
    case("uniform_ on permuted 4-d", lambda t: t.empty(2, 3, 4, 5).permute(0, 2, 3, 1).uniform_())
    case(
        "uniform_ on channels_last",
        lambda t: t.empty(2, 3, 4, 5).to(memory_format=t.channels_last).uniform_(),
    )
    case("uniform_ on an empty tensor", lambda t: t.empty(0, 3).uniform_())
    case("rand_like", lambda t: t.rand_like(t.zeros(7, 3)))
    case("rand(size tuple)", lambda t: t.rand((2, 3)))


def add_normal_cases():
    for n in (1, 2, 5, 15, 16, 17, 20, 32, 100, 1000, 100003):
        case(f"randn({n})", lambda t, n=n: t.randn(n))
    for n in (5, 15, 16, 20, 333):
        case(f"randn({n},float64)", lambda t, n=n: t.randn(n, dtype=t.float64))
    for d in FLOATS[2:]:
        for n in (5, 16, 20, 100, 3001):
            case(f"randn({n},{d})", lambda t, n=n, d=d: t.randn(n, dtype=dt(t, d)))
    case("randn(2,5)", lambda t: t.randn(2, 5))
    case("randn(5) twice (spare)", lambda t: t.cat([t.randn(5), t.randn(5)]))
    case(
        "randn(5),randn(20),randn(3) (spare kept)",
        lambda t: t.cat([t.randn(5), t.randn(20), t.randn(3)]),
    )
    case("randn(3,complex64)", lambda t: t.view_as_real(t.randn(3, dtype=t.complex64)))
    case("randn(30,complex64)", lambda t: t.view_as_real(t.randn(30, dtype=t.complex64)))
    for d in FLOATS:
        for n in (7, 50):
            case(
                f"normal_(1.5,0.7) {d} n={n}",
                lambda t, d=d, n=n: t.empty(n, dtype=dt(t, d)).normal_(1.5, 0.7),
            )
    case("normal_ on a transposed tensor", lambda t: t.empty(8, 5).t().normal_().t())
    case("normal_ on a strided slice", lambda t: t.zeros(8, 9)[:, ::2].normal_())
    case("normal(2.,3.,size)", lambda t: t.normal(2.0, 3.0, size=(4,)))
    case("normal(mean T, std T)", lambda t: t.normal(means(t), deviations(t)))
    case("normal(mean T, std float)", lambda t: t.normal(means(t), 0.5))
    case("normal(float, std T)", lambda t: t.normal(2.0, deviations(t)))
    case("randn_like", lambda t: t.randn_like(t.zeros(7, 3)))


def means(t):
    return t.arange(20, dtype=t.float32) / 10 - 1


def deviations(t):
    return (t.arange(20, dtype=t.float32) + 1) / 10


def add_integer_cases():
    bounds = (
        (0, 10),
        (-7, 5),
        (0, 2**28 - 1),
        (0, 2**28),
        (0, 2**31),
        (0, 2**32),
        (0, 2**33 + 1),
        (-(2**40), 2**50),
        (-(2**62), 2**62),
    )
    for lo, hi in bounds:
        case(f"randint({lo},{hi})", lambda t, lo=lo, hi=hi: t.randint(lo, hi, (37,)))
    for d in (*INTEGERS, "float32", "float64", "float16", "bfloat16"):
        case(f"randint(0,100,{d})", lambda t, d=d: t.randint(0, 100, (9,), dtype=dt(t, d)))
        case(f"random_() {d}", lambda t, d=d: t.empty(9, dtype=dt(t, d)).random_())
    case("random_() bool", lambda t: t.empty(9, dtype=t.bool).random_())
    case("random_(7)", lambda t: t.empty(9).random_(7))
    case("randint(0,2**30,int32)", lambda t: t.randint(0, 2**30, (9,), dtype=t.int32))
    case("randint(9,size)", lambda t: t.randint(9, (2, 3)))
    case("random_(5,None) int64", lambda t: t.empty(9, dtype=t.int64).random_(5, None))
    case("random_(5,None) int32", lambda t: t.empty(9, dtype=t.int32).random_(5, None))
    case(
        "random_(min,None) int64 full", lambda t: t.empty(9, dtype=t.int64).random_(-(2**63), None)
    )
    case("randint_like", lambda t: t.randint_like(t.zeros(6), 9))
    case("randint_like(low)", lambda t: t.randint_like(t.zeros(6, dtype=t.int32), 3, 9))
    for n in (0, 1, 2, 10, 1000):
        case(f"randperm({n})", lambda t, n=n: t.randperm(n))
    case("randperm(100000)", lambda t: t.randperm(100000), seeds=(1, 7))
    case("randperm(10,int32)", lambda t: t.randperm(10, dtype=t.int32))
    case("randperm(10,float16)", lambda t: t.randperm(10, dtype=t.float16))


def ramp(t, n, lo, hi, d="float32"):
    """Numbers from lo towards hi, made so that every machine rounds them alike."""
    return (t.arange(n, dtype=t.float64) * ((hi - lo) / n) + lo).to(dt(t, d))


def add_bernoulli_cases():
    for p in (0.0, 0.3, 0.5, 1.0):
        case(f"bernoulli_({p})", lambda t, p=p: t.empty(3000).bernoulli_(p))
    for d in (*FLOATS[1:], *INTEGERS, "bool"):
        case(f"bernoulli_(.5) {d}", lambda t, d=d: t.empty(30, dtype=dt(t, d)).bernoulli_(0.5))
    for d in FLOATS:
        case(f"bernoulli({d} tensor)", lambda t, d=d: t.bernoulli(ramp(t, 50, 0, 1, d)))
    case("bernoulli(x, p)", lambda t: t.bernoulli(t.zeros(20), 0.4))
    case(
        "bernoulli of a transposed tensor", lambda t: t.bernoulli(ramp(t, 48, 0, 1).view(6, 8).t())
    )
    case(
        "bernoulli_(float32 tensor) on float64",
        lambda t: t.empty(50, dtype=t.float64).bernoulli_(ramp(t, 50, 0, 1)),
    )
    case("bernoulli_(broadcast tensor)", lambda t: t.empty(6, 5).bernoulli_(ramp(t, 5, 0, 1)))


def add_continuous_cases():
    for d in FLOATS:

        def new(t, n, d=d):
            return t.empty(n, dtype=dt(t, d))

        case(f"exponential_() {d}", lambda t, new=new: new(t, 500).exponential_())
        case(f"exponential_(2.5) {d}", lambda t, new=new: new(t, 500).exponential_(2.5))
        case(f"geometric_(.3) {d}", lambda t, new=new: new(t, 200).geometric_(0.3))
        case(f"log_normal_(.2,.9) {d}", lambda t, new=new: new(t, 37).log_normal_(0.2, 0.9))
        case(f"cauchy_(.2,.9) {d}", lambda t, new=new: new(t, 200).cauchy_(0.2, 0.9))
        case(f"poisson {d}", lambda t, d=d: t.poisson(ramp(t, 80, 0, 40, d)))
    case("geometric_(.3) int64", lambda t: t.empty(50, dtype=t.int64).geometric_(0.3))
    for d in FLOATS[:2]:
        case(f"_standard_gamma {d}", lambda t, d=d: t._standard_gamma(ramp(t, 200, 0.01, 20, d)))
        case(
            f"binomial {d}",
            lambda t, d=d: t.binomial(t.arange(200, dtype=dt(t, d)), ramp(t, 200, 0, 1, d)),
        )
    case(
        "_sample_dirichlet",
        lambda t: t._sample_dirichlet(ramp(t, 60, 0.1, 9).view(12, 5)),
    )


def add_dropout_cases():
    def x(t, d="float32"):
        return ramp(t, 60, -2, 2, d)

    for p in (0.1, 0.5, 0.75):
        case(f"dropout(p={p})", lambda t, p=p: t.dropout(x(t), p, True))
    for d in FLOATS[1:]:
        case(f"dropout {d}", lambda t, d=d: t.dropout(x(t, d), 0.1, True))

    def gradient(name, run):
        def drawn(t):
            leaf = x(t).requires_grad_()
            out = run(t, leaf)
            out.backward(ramp(t, 60, 1, 7).view(out.shape))
            return leaf.grad

        case(f"{name} gradient", drawn)

    gradient("dropout", lambda t, v: t.dropout(v, 0.3, True))
    gradient("dropout_", lambda t, v: t.dropout_(v * 1, 0.3, True))
    gradient("native_dropout", lambda t, v: t.native_dropout(v, 0.3, True)[0])
    gradient("alpha_dropout", lambda t, v: t.alpha_dropout(v, 0.3, True))
    gradient("feature_dropout", lambda t, v: t.feature_dropout(v.view(5, 4, 3), 0.3, True))
    gradient("rrelu", lambda t, v: t.rrelu(v, 0.1, 0.4, True))
    gradient("rrelu_", lambda t, v: t.rrelu_(v * 1, 0.1, 0.4, True))
    gradient("rrelu in evaluation", lambda t, v: t.rrelu(v, 0.1, 0.4, False))
    case("dropout p=1 draws nothing", lambda t: t.dropout(x(t), 1.0, True))
    case(
        "dropout p=0 and eval draw nothing",
        lambda t: t.dropout(x(t), 0.5, False) + t.dropout(x(t), 0.0, True),
    )
    case("dropout_", lambda t: t.dropout_(x(t), 0.4, True))
    case("native_dropout", lambda t: t.native_dropout(x(t), 0.4, True)[0])
    case("native_dropout mask", lambda t: t.native_dropout(x(t), 0.4, True)[1])
    case("feature_dropout", lambda t: t.feature_dropout(t.ones(3, 4, 2, 5), 0.4, True))
    case("alpha_dropout", lambda t: t.alpha_dropout(x(t), 0.2, True))
    case(
        "feature_alpha_dropout",
        lambda t: t.feature_alpha_dropout(t.ones(3, 4, 2, 5), 0.2, True),
    )
    case("rrelu", lambda t: t.rrelu(x(t), 0.1, 0.4, True))
    case("rrelu float64", lambda t: t.rrelu(x(t, "float64"), 0.1, 0.4, True))


def weights(t):
    return t.tensor([0.1, 3.0, 0.5, 0.0, 2.0, 0.7, 0.9, 1.1])


def weight_rows(t):
    return t.rand(5, 300, generator=t.Generator().manual_seed(3))


def add_multinomial_cases():
    for kind, make in (("1d", weights), ("2d", weight_rows)):
        for n in (1, 4):
            for repl in (False, True):
                case(
                    f"multinomial({kind},{n},{repl})",
                    lambda t, make=make, n=n, repl=repl: t.multinomial(make(t), n, repl),
                )
    case("multinomial(float64,40,True)", lambda t: t.multinomial(weights(t).double(), 40, True))
    case("multinomial(float16,9,True)", lambda t: t.multinomial(weights(t).half(), 9, True))


def add_generator_cases():
    case("Generator() default seed", lambda t: t.rand(5, generator=t.Generator()))

    def replay(t):
        first, state = t.randn(5), t.get_rng_state()
        again = t.randn(3)
        t.set_rng_state(state)
        return t.cat([first, again, t.randn(3)])

    case("set_rng_state keeps the spare normal", replay)

    def own(t):
        g = t.Generator().manual_seed(9)
        parts = [
            t.randn(3, generator=g),
            t.rand(2, generator=g),
            t.empty(2).exponential_(generator=g),
        ]
        parts += [t.randint(0, 9, (3,), generator=g).float(), t.randperm(4, generator=g).float()]
        parts += [
            t.bernoulli(t.full((4,), 0.5), generator=g),
            t.normal(0.0, 1.0, (2,), generator=g),
        ]
        return t.cat(parts)

    case("generator= everywhere", own)

    def clone(t):
        g = t.Generator().manual_seed(9)
        t.randn(3, generator=g)
        return t.cat([t.randn(4, generator=g.clone_state()), t.randn(4, generator=g)])

    case("clone_state", clone)


add_uniform_cases()
add_normal_cases()
add_integer_cases()
add_bernoulli_cases()
add_continuous_cases()
add_dropout_cases()
add_multinomial_cases()
add_generator_cases()


# --- the parts of the library that draw numbers: layers, initialisers, data


def parameters(t, module):
    return t.cat([p.detach().reshape(-1) for p in module.parameters()])


def layer(name, make):
    case(f"nn.{name}", lambda t: parameters(t, make(t.nn)))


def add_layer_cases():
    for i, o in ((4, 3), (784, 128), (7, 33)):
        layer(f"Linear({i},{o})", lambda nn, i=i, o=o: nn.Linear(i, o))
    layer("Conv2d(3,8,5)", lambda nn: nn.Conv2d(3, 8, 5))
    layer(
        "Sequential(Linear,ReLU,Linear)",
        lambda nn: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)),
    )
    layer("Embedding(10,3)", lambda nn: nn.Embedding(10, 3))
    layer("Embedding(3,4)", lambda nn: nn.Embedding(3, 4))
    layer("LSTM(4,6)", lambda nn: nn.LSTM(4, 6))
    layer("MultiheadAttention(8,2)", lambda nn: nn.MultiheadAttention(8, 2))
    layer("Bilinear(3,4,5)", lambda nn: nn.Bilinear(3, 4, 5))
    layer("ConvTranspose2d(3,8,5)", lambda nn: nn.ConvTranspose2d(3, 8, 5))


def initialiser(name, run):
    case(f"init.{name}", lambda t: run(t.nn.init, t.empty(30, 50)))


def add_initialiser_cases():
    initialiser("xavier_uniform_", lambda i, w: i.xavier_uniform_(w))
    initialiser("xavier_normal_", lambda i, w: i.xavier_normal_(w))
    initialiser("kaiming_normal_", lambda i, w: i.kaiming_normal_(w, nonlinearity="relu"))
    initialiser("kaiming_uniform_", lambda i, w: i.kaiming_uniform_(w, nonlinearity="relu"))
    initialiser("trunc_normal_", lambda i, w: i.trunc_normal_(w, 0.0, 0.02, -0.04, 0.04))


def add_functional_cases():
    def x(t, d="float32"):
        return ramp(t, 60, -2, 2, d)

    case("F.dropout", lambda t: t.nn.functional.dropout(x(t), 0.5))
    case("F.dropout2d", lambda t: t.nn.functional.dropout2d(t.ones(3, 4, 2, 5), 0.4))
    case("F.alpha_dropout", lambda t: t.nn.functional.alpha_dropout(x(t), 0.2, True))
    case("F.rrelu", lambda t: t.nn.functional.rrelu(x(t), 0.1, 0.4, True))


def numbers(t, n=10):
    return t.utils.data.TensorDataset(t.arange(n))


def order(t, loader):
    return t.cat([batch[0] for batch in loader])


def two_epochs(t, **options):
    loader = t.utils.data.DataLoader(numbers(t), 3, **options)
    return t.cat([order(t, loader), order(t, loader)])


def add_data_cases():
    def loader(t, **options):
        return t.utils.data.DataLoader(numbers(t), 3, **options)

    case("DataLoader(shuffle)", lambda t: order(t, loader(t, shuffle=True)))
    case("DataLoader(shuffle), 2 epochs", lambda t: two_epochs(t, shuffle=True))
    case("DataLoader(shuffle=False) draws a seed", lambda t: order(t, loader(t)))
    case(
        "DataLoader(generator=g), 2 epochs",
        lambda t: two_epochs(t, shuffle=True, generator=t.Generator().manual_seed(9)),
    )
    case(
        "RandomSampler(replacement)",
        lambda t: list(t.utils.data.RandomSampler(numbers(t), True, 70)),
    )
    case(
        "RandomSampler(num_samples=25)",
        lambda t: list(t.utils.data.RandomSampler(numbers(t), num_samples=25)),
    )
    case(
        "SubsetRandomSampler",
        lambda t: list(t.utils.data.SubsetRandomSampler([5, 6, 7, 8])),
    )
    case(
        "WeightedRandomSampler",
        lambda t: list(t.utils.data.WeightedRandomSampler([0.1, 0.9, 0.4], 9)),
    )

    def split(t):
        parts = t.utils.data.random_split(numbers(t), [7, 3])
        return [i for part in parts for i in part.indices]

    case("random_split([7,3])", split)
    case("DistributedSampler, 3 ranks", distributed_order)
    case("worker seeds", worker_seeds, seeds=(1, 5))
    case(
        "DataLoader(persistent_workers), 2 epochs",
        lambda t: two_epochs(t, shuffle=True, num_workers=1, persistent_workers=True),
        seeds=(1,),
    )


def distributed_order(t):
    import importlib

    module = importlib.import_module(t.__name__ + ".utils.data.distributed")
    result = []
    for rank in range(3):
        sampler = module.DistributedSampler(numbers(t), 3, rank, seed=11)
        sampler.set_epoch(2)
        result += list(sampler)
    return result


class SeedReport:
    """A dataset whose items tell the seeds of the worker that made them."""

    def __init__(self, t):
        self.t = t

    def __len__(self):
        return 4

    def __getitem__(self, index):
        import numpy as np

        drawn = [random.getrandbits(32), int(np.random.randint(2**31))]
        return self.t.tensor([self.t.initial_seed() % 2**63, *drawn])


def worker_seeds(t):
    loader = t.utils.data.DataLoader(
        SeedReport(t), 1, num_workers=2, multiprocessing_context="fork"
    )
    return t.cat(list(loader))


add_layer_cases()
add_initialiser_cases()
add_functional_cases()
add_data_cases()
