"""Module: registration, access, hooks, state, modes, errors."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn.modules import module as module_file


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
        self.head = nn.Linear(4, 2)
        self.register_buffer("scale", torch.ones(1))
        self.register_buffer("cache", torch.zeros(1), persistent=False)

    def forward(self, x):
        return self.head(self.body(x)) * self.scale


def test_names_in_order_of_registration() -> None:
    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "body.0.weight",
        "body.0.bias",
        "head.weight",
        "head.bias",
    ]
    assert [name for name, _ in net.named_modules()] == ["", "body", "body.0", "body.1", "head"]
    assert [name for name, _ in net.named_buffers()] == ["scale", "cache"]
    assert list(net.state_dict()) == ["scale", *dict(net.named_parameters())]
    assert [name for name, _ in net.named_parameters(prefix="m", recurse=False)] == []


def test_shared_parameter_comes_once_unless_asked() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    assert len(list(net.parameters())) == 3
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


@pytest.mark.parametrize(
    ("action", "error", "text"),
    [
        (
            lambda m: setattr(m, "weight", torch.ones(1)),
            TypeError,
            "cannot assign 'torch.FloatTensor' as parameter 'weight' (torch.nn.Parameter or None "
            "expected)",
        ),
        (
            lambda m: m.register_parameter("a.b", None),
            KeyError,
            'parameter name can\\\'t contain "."',
        ),
        (lambda m: m.register_parameter("forward", None), KeyError, "attribute 'forward' already"),
        (
            lambda m: m.register_parameter("p", torch.ones(1)),
            TypeError,
            "cannot assign 'torch.FloatTensor' object to parameter 'p' (torch.nn.Parameter or None "
            "required)",
        ),
        (
            lambda m: m.register_buffer("b", 5),
            TypeError,
            "cannot assign 'int' object to buffer 'b' (torch Tensor or None required)",
        ),
        (lambda m: m.add_module("m", 5), TypeError, "int is not a Module subclass"),
        (
            lambda m: m.add_module("", nn.ReLU()),
            KeyError,
            'module name can\\\'t be empty string ""',
        ),
        (lambda m: m.missing, AttributeError, "'Linear' object has no attribute 'missing'"),
        (lambda m: m.get_submodule("x"), AttributeError, "Linear has no attribute `x`"),
        (lambda m: m.get_parameter("in_features"), AttributeError, "`in_features` is not an nn.P"),
        (lambda m: m.train(1), ValueError, "training mode is expected to be boolean"),
        (lambda m: m.to(torch.int64), TypeError, "nn.Module.to only accepts floating point or"),
        (lambda m: m.load_state_dict(3), TypeError, "Expected state_dict to be dict-like"),
        (lambda m: nn.Module(1), TypeError, "Module.__init__() takes 1 positional argument but 2"),
        (lambda m: nn.Module(a=1), TypeError, "got an unexpected keyword argument 'a'"),
        (
            lambda m: nn.Module()(1),
            NotImplementedError,
            'Module [Module] is missing the required "forward" function',
        ),
    ],
)
def test_refusals(action, error, text) -> None:
    with pytest.raises(error) as caught:
        action(nn.Linear(2, 3))
    assert text in str(caught.value)


def test_assignment_before_init_is_refused() -> None:
    class Early(nn.Module):
        def __init__(self, value) -> None:
            self.value = value

    with pytest.raises(AttributeError, match="cannot assign parameters before Module.__init__"):
        Early(nn.Parameter(torch.ones(1)))
    with pytest.raises(AttributeError, match="cannot assign module before Module.__init__"):
        Early(nn.ReLU())
    assert Early(3).value == 3


def test_an_attribute_changes_its_kind() -> None:
    net = nn.Module()
    net.x = 3
    net.x = nn.Parameter(torch.ones(1))
    assert "x" in net._parameters and "x" not in net.__dict__
    del net.x
    net.x = nn.ReLU()
    assert list(net._modules) == ["x"]
    net.y = nn.Buffer(torch.ones(1), persistent=False)
    assert list(net._buffers) == ["y"] and list(net.state_dict()) == []


def test_paths() -> None:
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("body.0") is net.body[0]
    assert net.get_parameter("head.bias") is net.head.bias
    assert net.get_buffer("scale") is net.scale
    net.set_submodule("body.1", nn.ReLU())
    assert isinstance(net.body[1], nn.ReLU)


# Hooks.


def test_forward_hooks_see_and_replace() -> None:
    layer = nn.Identity()
    seen = []
    pre = layer.register_forward_pre_hook(lambda m, args: args[0] + 1)
    post = layer.register_forward_hook(lambda m, args, out: out * 10)
    layer.register_forward_hook(
        lambda m, args, kwargs, out: seen.append((args, kwargs)), with_kwargs=True, prepend=True
    )
    x = torch.tensor(1.0)
    assert layer(x).item() == 20.0
    assert seen[0][0][0].item() == 2.0 and seen[0][1] == {}
    pre.remove()
    post.remove()
    assert layer(x).item() == 1.0


def test_pre_hook_with_kwargs_replaces_both() -> None:
    class Scale(nn.Module):
        def forward(self, x, factor=1.0):
            return x * factor

    layer = Scale()
    layer.register_forward_pre_hook(lambda m, a, k: (a, {"factor": 3.0}), with_kwargs=True)
    assert layer(torch.tensor(2.0)).item() == 6.0
    layer.register_forward_pre_hook(lambda m, a, k: 5, with_kwargs=True)
    with pytest.raises(RuntimeError, match="forward pre-hook must return None or a tuple"):
        layer(torch.tensor(2.0))


def test_always_called_hook_runs_after_an_error() -> None:
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("no")

    seen = []
    layer = Fails()
    layer.register_forward_hook(lambda m, a, out: seen.append(out), always_call=True)
    with pytest.raises(ValueError, match="no"):
        layer(torch.tensor(1.0))
    assert seen == [None]


def test_full_backward_hooks() -> None:
    layer = nn.Linear(2, 3)
    seen = []
    layer.register_full_backward_pre_hook(lambda m, go: (go[0] * 2,))
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * 10,))
    x = torch.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    (grad_input,), (grad_output,) = seen[0]
    assert grad_output.tolist() == [[2.0, 2.0, 2.0]]
    expected = 2 * layer.weight.detach().sum(0)
    assert torch.equal(grad_input[0], expected)
    assert torch.equal(x.grad[0], expected * 10)


def test_global_hooks() -> None:
    handle = module_file.register_module_forward_hook(lambda m, a, out: out + 1)
    try:
        assert nn.Identity()(torch.tensor(1.0)).item() == 2.0
    finally:
        handle.remove()
    assert nn.Identity()(torch.tensor(1.0)).item() == 1.0


def test_registration_hooks() -> None:
    names = []
    handles = [
        module_file.register_module_parameter_registration_hook(lambda m, n, p: names.append(n)),
        module_file.register_module_module_registration_hook(lambda m, n, c: names.append(n)),
        module_file.register_module_buffer_registration_hook(lambda m, n, b: names.append(n)),
    ]
    try:
        net = nn.Sequential(nn.Linear(1, 1))
        net.register_buffer("b", None)
    finally:
        for handle in handles:
            handle.remove()
    assert names == ["weight", "bias", "0", "b"]


# Errors inside forward.


def test_note_names_the_layer_once() -> None:
    net = Net()
    with pytest.raises(RuntimeError) as caught:
        net(torch.ones(2, 5))
    notes = [n for n in caught.value.__notes__ if n.startswith("in model")]
    assert notes == ["in model.body.0 (Linear(in_features=3, out_features=4, bias=True))"]


def test_note_of_a_single_layer() -> None:
    with pytest.raises(RuntimeError) as caught:
        nn.Linear(3, 4)(torch.ones(2, 5))
    assert "in Linear(in_features=3, out_features=4, bias=True)" in caught.value.__notes__


def test_a_broken_repr_does_not_hide_the_error() -> None:
    class Broken(nn.Module):
        def forward(self, x):
            raise ValueError("the real reason")

        def extra_repr(self):
            raise KeyError("not this")

    with pytest.raises(ValueError, match="the real reason") as caught:
        nn.Sequential(Broken())(1)
    assert caught.value.__notes__ == ["in model.0 (Broken)"]


def test_call_without_init_says_what_is_missing() -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            pass

    with pytest.raises(AttributeError, match="'Forgetful' object has no attribute '_backward_ho"):
        Forgetful()(1)


# State.


def test_state_dict_shares_memory_and_carries_versions() -> None:
    layer = nn.BatchNorm1d(2)
    state = layer.state_dict()
    state["weight"].fill_(7)
    assert layer.weight.tolist() == [7.0, 7.0]
    assert not state["weight"].requires_grad
    assert state._metadata == OrderedDict({"": {"version": 2}})
    assert layer.state_dict(keep_vars=True)["weight"] is layer.weight
    assert list(layer.state_dict(prefix="bn."))[0] == "bn.weight"


def test_load_state_dict_knows_a_whole_module() -> None:
    with pytest.raises(TypeError, match="Expected state_dict to be dict-like") as caught:
        Net().load_state_dict(Net())
    assert caught.value.__notes__ == [
        "load_state_dict: got a whole module; pass module.state_dict()"
    ]


def test_load_state_dict_names_a_prefix() -> None:
    net = Net()
    wrapped = torch.nn.Sequential(OrderedDict(module=net))
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(wrapped.state_dict())
    assert caught.value.__notes__ == [
        "load_state_dict: the names in the state dict begin with 'module.': "
        "consume_prefix_in_state_dict_if_present of torch.nn.modules.utils takes that away"
    ]
    with pytest.raises(RuntimeError) as caught:
        wrapped.load_state_dict(net.state_dict())
    assert caught.value.__notes__ == [
        "load_state_dict: the model's names begin with 'module.', the state dict's do not: load into model.module"
    ]
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict({"other.weight": torch.ones(1)})
    assert not hasattr(caught.value, "__notes__")


def test_load_state_dict_reports() -> None:
    net = Net()
    assert repr(net.load_state_dict(Net().state_dict())) == "<All keys matched successfully>"
    state = net.state_dict()
    state["extra"] = state.pop("head.bias")
    keys = net.load_state_dict(state, strict=False)
    assert (keys.missing_keys, keys.unexpected_keys) == (["head.bias"], ["extra"])
    state["head.weight"] = torch.ones(5, 5)
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    assert str(caught.value) == (
        "Error(s) in loading state_dict for Net:\n"
        '\tMissing key(s) in state_dict: "head.bias". \n'
        '\tUnexpected key(s) in state_dict: "extra". \n'
        "\tsize mismatch for head.weight: copying a param with shape torch.Size([5, 5]) from "
        "checkpoint, the shape in current model is torch.Size([2, 4])."
    )


def test_assign_puts_the_given_tensors_in() -> None:
    layer = nn.Linear(2, 1)
    state = {"weight": torch.ones(1, 2, dtype=torch.float64), "bias": torch.ones(1)}
    layer.load_state_dict(state, assign=True)
    assert layer.weight.dtype == torch.float64 and layer.weight.requires_grad
    assert isinstance(layer.weight, nn.Parameter)


def test_extra_state() -> None:
    class Counting(nn.Module):
        count = 3

        def get_extra_state(self):
            return self.count

        def set_extra_state(self, state):
            self.count = state

    source, target = Counting(), Counting()
    source.count = 8
    assert source.state_dict() == {"_extra_state": 8}
    target.load_state_dict(source.state_dict())
    assert target.count == 8
    with pytest.raises(RuntimeError, match="_extra_state"):
        target.load_state_dict({})


def test_state_hooks() -> None:
    layer = nn.Linear(1, 1)
    calls = []
    layer.register_state_dict_pre_hook(lambda m, prefix, keep: calls.append("before"))
    layer.register_state_dict_post_hook(lambda m, state, prefix, meta: state.update(more=1))
    assert list(layer.state_dict()) == ["weight", "bias", "more"] and calls == ["before"]
    target = nn.Linear(1, 1)
    target.register_load_state_dict_pre_hook(lambda m, state, *rest: state.pop("more"))
    target.register_load_state_dict_post_hook(lambda m, keys: calls.append(keys.missing_keys))
    target.load_state_dict(layer.state_dict())
    assert calls[-1] == []


# Modes, copies, conversions.


def test_train_eval_and_gradients() -> None:
    net = Net()
    assert not net.eval().body.training
    assert net.train().head.training
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    net.requires_grad_()
    net(torch.ones(1, 3)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert net.head.bias.grad.tolist() == [0.0, 0.0]
    net.zero_grad()
    assert net.head.bias.grad is None


def test_conversion_keeps_parameters_and_gradients() -> None:
    net = Net()
    weight = net.head.weight
    net(torch.ones(1, 3)).sum().backward()
    net.double()
    assert net.head.weight is weight
    assert weight.dtype == weight.grad.dtype == net.scale.dtype == torch.float64
    assert net.to(torch.float32).scale.dtype == torch.float32
    assert net.to("meta").head.weight.is_meta


def test_deepcopy_and_pickle_are_independent() -> None:
    net = Net()
    net.body[0].weight.requires_grad_(False)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert type(other.head.weight) is nn.Parameter
        assert not other.body[0].weight.requires_grad
        assert torch.equal(other.head.weight, net.head.weight)
        with torch.no_grad():
            other.head.weight.zero_()
        assert not torch.equal(other.head.weight, net.head.weight)


def test_apply_visits_children_first() -> None:
    order = []
    Net().apply(lambda m: order.append(type(m).__name__))
    assert order == ["Linear", "Tanh", "Sequential", "Linear", "Net"]


def test_dir_lists_members_but_no_digits() -> None:
    names = dir(nn.Sequential(nn.ReLU()))
    assert "forward" in names and "0" not in names
    assert {"weight", "bias"} <= set(dir(nn.Linear(1, 1)))


def test_parameter_repr_and_copy() -> None:
    p = nn.Parameter(torch.zeros(2))
    assert repr(p) == "Parameter containing:\ntensor([0., 0.], requires_grad=True)"
    assert isinstance(p, torch.Tensor) and type(p + 1) is torch.Tensor
    assert nn.Parameter(torch.ones(1), requires_grad=False).requires_grad is False
