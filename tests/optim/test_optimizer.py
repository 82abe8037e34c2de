"""What all optimizers share: groups, hooks, state dicts, errors."""

from __future__ import annotations

import copy
import pickle

import pytest

import rushlight as torch


def leaf(*shape: int) -> torch.Tensor:
    return torch.ones(*shape, requires_grad=True)


def step_once(optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    sum((p * p).sum() for g in optimizer.param_groups for p in g["params"]).backward()
    optimizer.step()


def test_groups_take_defaults_and_own_options() -> None:
    a, b, c = leaf(2), leaf(3), leaf(1)
    opt = torch.optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1, momentum=0.9)
    opt.add_param_group({"params": (p for p in [c]), "momentum": 0.0})
    assert [(g["lr"], g["momentum"]) for g in opt.param_groups] == [
        (0.1, 0.9),
        (0.5, 0.9),
        (0.1, 0.0),
    ]
    assert opt.param_groups[1]["params"][0] is b
    assert opt.defaults["lr"] == 0.1


def test_named_parameters_keep_their_names() -> None:
    a, b = leaf(1), leaf(1)
    opt = torch.optim.Adam([("w", a), ("b", b)])
    assert opt.param_groups[0]["param_names"] == ["w", "b"]
    assert opt.state_dict()["param_groups"][0]["param_names"] == ["w", "b"]
    with pytest.raises(ValueError, match="Some param names are missing"):
        torch.optim.Adam([("w", leaf(1)), leaf(1)])
    with pytest.raises(ValueError, match="cannot add param group without names"):
        opt.add_param_group({"params": [leaf(1)]})


@pytest.mark.parametrize(
    "params, error, text",
    [
        (lambda: torch.ones(1), TypeError, "iterable of Tensors or dicts, but got"),
        (lambda: [], ValueError, "optimizer got an empty parameter list"),
        (
            lambda: [1.0],
            TypeError,
            "optimizer can only optimize Tensors, but one of the params is float",
        ),
        (lambda: [leaf(1) * 2], ValueError, "can't optimize a non-leaf Tensor"),
        (lambda: [{"params": {leaf(1)}}], TypeError, "need to be organized in ordered collections"),
        (lambda: torch.nn.Linear(1, 1), TypeError, "is not iterable"),
    ],
)
def test_bad_parameters_are_refused(params, error, text) -> None:
    with pytest.raises(error, match=text):
        torch.optim.SGD(params(), lr=0.1)


def test_a_computed_tensor_is_named_by_its_operator() -> None:
    with pytest.raises(ValueError) as caught:
        torch.optim.SGD([leaf(1) * 2], lr=0.1)
    (note,) = caught.value.__notes__
    assert "of shape [1] was computed by MulBackward0; " in note


def test_one_parameter_in_two_groups_is_refused() -> None:
    a = leaf(1)
    opt = torch.optim.SGD([a], lr=0.1)
    with pytest.raises(ValueError, match="appear in more than one parameter group"):
        opt.add_param_group({"params": [a]})
    with pytest.raises(TypeError, match="param_group must be a dict"):
        opt.add_param_group([a])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        torch.optim.SGD([a, a], lr=0.1)


@pytest.mark.parametrize(
    "cls, options, text",
    [
        ("SGD", dict(lr=-0.1), "Invalid learning rate: -0.1"),
        ("SGD", dict(momentum=-1), "Invalid momentum value: -1"),
        ("SGD", dict(nesterov=True), "Nesterov momentum requires a momentum and zero dampening"),
        ("Adam", dict(betas=(1.0, 0.9)), "Invalid beta parameter at index 0: 1.0"),
        ("Adam", dict(betas=(0.9, 1.5)), "Invalid beta parameter at index 1: 1.5"),
        ("Adam", dict(eps=-1e-8), "Invalid epsilon value: -1e-08"),
        ("AdamW", dict(weight_decay=-1), "Invalid weight_decay value: -1"),
        ("RMSprop", dict(momentum=-1.0), "Invalid momentum value: -1.0"),
        ("Adagrad", dict(lr_decay=-0.5), "Invalid lr_decay value: -0.5"),
        ("Adadelta", dict(rho=1.1), "Invalid rho value: 1.1"),
        ("NAdam", dict(momentum_decay=-0.2), "Invalid momentum_decay value: -0.2"),
        ("Rprop", dict(etas=(1.0, 0.5)), "Invalid eta values: 1.0, 0.5"),
        ("Adafactor", dict(d=0.0), "Clipping threshold d should be >= 1 but is: 0.0"),
    ],
)
def test_bad_options_are_refused(cls, options, text) -> None:
    with pytest.raises(ValueError) as caught:
        getattr(torch.optim, cls)([leaf(1)], **options)
    assert str(caught.value) == text


def test_state_dict_has_pytorchs_structure() -> None:
    a, b = leaf(2), leaf(1)
    opt = torch.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1, momentum=0.9)
    step_once(opt)
    saved = opt.state_dict()
    assert list(saved) == ["state", "param_groups"]
    assert [g["params"] for g in saved["param_groups"]] == [[0], [1]]
    assert list(saved["param_groups"][0])[0] == "lr"
    assert saved["state"][1]["momentum_buffer"] is opt.state[b]["momentum_buffer"]


@pytest.mark.parametrize("cls", ["SGD", "Adam", "RMSprop", "Adagrad", "NAdam", "ASGD"])
def test_training_goes_on_from_a_state_dict(cls: str) -> None:
    options = dict(lr=0.1, momentum=0.9) if cls == "SGD" else dict(lr=0.1)
    first = leaf(3)
    opt = getattr(torch.optim, cls)([first], **options)
    for _ in range(3):
        step_once(opt)
    second = first.detach().clone().requires_grad_()
    other = getattr(torch.optim, cls)([second], **options)
    other.load_state_dict(copy.deepcopy(opt.state_dict()))
    for _ in range(3):
        step_once(opt)
        step_once(other)
    assert torch.equal(first, second)


def test_loaded_state_takes_the_parameters_dtype() -> None:
    opt = torch.optim.Adam([leaf(2)])
    step_once(opt)
    wide = torch.ones(2, dtype=torch.float64, requires_grad=True)
    other = torch.optim.Adam([wide])
    other.load_state_dict(opt.state_dict())
    assert other.state[wide]["exp_avg"].dtype == torch.float64
    assert other.state[wide]["step"].dtype == torch.float32


def test_state_dicts_that_do_not_fit_are_refused() -> None:
    opt = torch.optim.SGD([leaf(1), leaf(1)], lr=0.1)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        opt.load_state_dict({"state": {}, "param_groups": []})
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        opt.load_state_dict(torch.optim.SGD([leaf(1)], lr=0.1).state_dict())


def test_hooks_run_in_order_and_can_change_arguments() -> None:
    calls = []
    opt = torch.optim.SGD([leaf(1)], lr=0.1)
    handles = [
        opt.register_step_pre_hook(lambda o, args, kwargs: calls.append("pre")),
        opt.register_step_post_hook(lambda o, args, kwargs: calls.append("post")),
        opt.register_state_dict_pre_hook(lambda o: calls.append("save")),
        opt.register_state_dict_post_hook(lambda o, d: {**d, "extra": 1}),
        opt.register_load_state_dict_pre_hook(lambda o, d: calls.append("load")),
        opt.register_load_state_dict_post_hook(lambda o: calls.append("loaded")),
    ]
    step_once(opt)
    saved = opt.state_dict()
    opt.load_state_dict(saved)
    assert calls == ["pre", "post", "save", "load", "loaded"]
    assert saved["extra"] == 1
    for handle in handles:
        handle.remove()
    step_once(opt)
    assert "extra" not in opt.state_dict()
    assert len(calls) == 5
    opt.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        opt.step()


def test_hooks_for_all_optimizers() -> None:
    from rushlight.optim.optimizer import (
        register_optimizer_step_post_hook,
        register_optimizer_step_pre_hook,
    )

    calls = []
    handles = [
        register_optimizer_step_pre_hook(lambda o, args, kwargs: calls.append("pre")),
        register_optimizer_step_post_hook(lambda o, args, kwargs: calls.append("post")),
    ]
    step_once(torch.optim.SGD([leaf(1)], lr=0.1))
    for handle in handles:
        handle.remove()
    step_once(torch.optim.Adam([leaf(1)], lr=0.1))
    assert calls == ["pre", "post"]


def test_zero_grad() -> None:
    a, b = leaf(2), leaf(1)
    opt = torch.optim.SGD([a, b], lr=0.1)
    (a * a).sum().backward()
    kept = a.grad
    opt.zero_grad(set_to_none=False)
    assert a.grad is kept and a.grad.tolist() == [0, 0] and b.grad is None
    opt.zero_grad()
    assert a.grad is None


def test_parameters_without_gradient_stay() -> None:
    a, b = leaf(2), leaf(1)
    opt = torch.optim.Adam([a, b], lr=0.1)
    (a * a).sum().backward()
    opt.step()
    assert b.item() == 1 and b not in opt.state


def test_closure_runs_with_gradients_and_gives_the_loss() -> None:
    a = leaf(1)
    opt = torch.optim.SGD([a], lr=0.1)

    def closure() -> torch.Tensor:
        opt.zero_grad()
        loss = (a * 3).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        assert opt.step(closure).item() == 3
    assert a.item() == pytest.approx(0.7)


def test_a_users_optimizer() -> None:
    class Halve(torch.optim.Optimizer):
        def __init__(self, params) -> None:
            super().__init__(params, dict(rate=0.5))

        @torch.no_grad()
        def step(self, closure=None) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    p.mul_(group["rate"])

    a = leaf(1)
    calls = []
    opt = Halve([a])
    opt.register_step_post_hook(lambda *args: calls.append(1))
    opt.step()
    assert a.item() == 0.5 and calls == [1]
    assert repr(opt) == "Halve (\nParameter Group 0\n    rate: 0.5\n)"


def test_the_rate_may_be_a_tensor() -> None:
    for cls in ("SGD", "Adam"):
        a, b = leaf(2), leaf(2)
        rate = torch.tensor(0.1)
        one = getattr(torch.optim, cls)([a], lr=rate)
        two = getattr(torch.optim, cls)([b], lr=0.1)
        for _ in range(3):
            step_once(one)
            step_once(two)
        assert (a - b).abs().max().item() < 1e-7
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        torch.optim.SGD([leaf(1)], lr=torch.ones(2))


def test_steps_are_seen_by_autograd_versions() -> None:
    a = leaf(2)
    opt = torch.optim.SGD([a], lr=0.1)
    y = (a * a).sum()
    y.backward(retain_graph=True)
    opt.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_differentiable_steps_are_recorded() -> None:
    start = leaf(1)
    rate = torch.tensor(0.1, requires_grad=True)
    w = start.clone()
    w.retain_grad()
    opt = torch.optim.SGD([w], lr=rate, differentiable=True)
    w.grad = torch.tensor([2.0])
    opt.step()
    w.sum().backward()
    assert rate.grad.item() == -2


def test_large_parameters_step_like_small_ones() -> None:
    torch.manual_seed(0)
    start, grad = torch.randn(301, 333), torch.randn(301, 333)
    whole = start.clone().requires_grad_()
    rows = [row.clone().requires_grad_() for row in start]
    for params, grads in (([whole], [grad]), (rows, list(grad))):
        opt = torch.optim.Adam(params, lr=0.1, amsgrad=True, weight_decay=0.01)
        for _ in range(3):
            for p, g in zip(params, grads):
                p.grad = g.clone()
            opt.step()
    assert torch.equal(whole, torch.stack(rows))


def test_unusual_layouts_take_the_same_steps() -> None:
    torch.manual_seed(0)
    start, grad = torch.randn(4, 5), torch.randn(4, 5)
    plain = start.clone().requires_grad_()
    turned = start.t().clone().t().requires_grad_()
    for p, g in ((plain, grad), (turned, grad)):
        opt = torch.optim.SGD([p], lr=0.1, momentum=0.9)
        for _ in range(3):
            p.grad = g.clone()
            opt.step()
    assert torch.equal(plain, turned)


def test_optimizers_can_be_copied_and_pickled() -> None:
    a = leaf(2)
    opt = torch.optim.Adam([a], lr=0.1)
    step_once(opt)
    for other in (copy.deepcopy(opt), pickle.loads(pickle.dumps(opt))):
        step_once(other)
        assert other.param_groups[0]["lr"] == 0.1
    assert a.tolist() == [pytest.approx(0.9)] * 2


def test_sparse_adam_wants_sparse_gradients() -> None:
    opt = torch.optim.SparseAdam([leaf(2)])
    with pytest.raises(RuntimeError, match="does not support dense gradients"):
        step_once(opt)


def test_muon_orthogonalizes_matrices_only() -> None:
    with pytest.raises(ValueError, match="Muon only supports 2D parameters"):
        torch.optim.Muon([leaf(3)])
    w = leaf(4, 3)
    step_once(torch.optim.Muon([w], lr=0.1))
    assert not torch.equal(w, torch.ones(4, 3))
