"""Schedules: state dicts, combinations, warnings, averaging."""

from __future__ import annotations

import copy

import pytest

import rushlight as torch
from rushlight.optim import lr_scheduler, swa_utils


def sgd(lr: float = 1.0) -> torch.optim.SGD:
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr, momentum=0.9)


def run(optimizer, scheduler, epochs: int) -> list[float]:
    rates = []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_warm_up_then_decay() -> None:
    opt = sgd()
    both = lr_scheduler.SequentialLR(
        opt,
        [
            lr_scheduler.LinearLR(opt, start_factor=0.5, total_iters=2),
            lr_scheduler.ExponentialLR(opt, gamma=0.5),
        ],
        milestones=[2],
    )
    assert run(opt, both, 5) == [0.5, 0.75, 1.0, 0.5, 0.25]
    assert both.get_last_lr() == [0.125]


def test_chained_schedules_multiply() -> None:
    opt = sgd()
    both = lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(opt, 0.5, total_iters=2), lr_scheduler.ExponentialLR(opt, 0.5)]
    )
    assert run(opt, both, 4) == [0.5, 0.25, 0.25, 0.125]


@pytest.mark.parametrize(
    "make",
    [
        lambda o: lr_scheduler.StepLR(o, 2),
        lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=12),
        lambda o: lr_scheduler.CyclicLR(o, 0.1, 1.0, step_size_up=3),
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2, 2),
        lambda o: lr_scheduler.LambdaLR(o, lambda e: 1 / (e + 1)),
        lambda o: lr_scheduler.SequentialLR(
            o, [lr_scheduler.ConstantLR(o), lr_scheduler.StepLR(o, 1)], milestones=[3]
        ),
    ],
)
def test_a_schedule_goes_on_from_its_state_dict(make) -> None:
    whole = sgd()
    rates = run(whole, make(whole), 10)
    first = sgd()
    schedule = make(first)
    assert run(first, schedule, 5) == rates[:5]
    saved = copy.deepcopy(schedule.state_dict())
    second = sgd()
    again = make(second)
    again.load_state_dict(saved)
    second.load_state_dict(first.state_dict())
    assert run(second, again, 5) == rates[5:]


def test_state_dict_keys() -> None:
    opt = sgd()
    schedule = lr_scheduler.StepLR(opt, 2)
    assert list(schedule.state_dict()) == [
        "step_size",
        "gamma",
        "base_lrs",
        "last_epoch",
        "_step_count",
        "_is_initial",
        "_get_lr_called_within_step",
        "_last_lr",
    ]


def test_warnings() -> None:
    opt = sgd()
    schedule = lr_scheduler.StepLR(opt, 2)
    with pytest.warns(UserWarning, match="before `optimizer.step\\(\\)`"):
        schedule.step()
    with pytest.warns(UserWarning, match="please use `get_last_lr\\(\\)`"):
        schedule.get_lr()
    with pytest.warns(UserWarning, match="The epoch parameter"):
        schedule.step(7)
    assert opt.param_groups[0]["lr"] == pytest.approx(1e-3)


def test_errors() -> None:
    opt = sgd()
    with pytest.raises(TypeError, match="int is not an Optimizer"):
        lr_scheduler.StepLR(3, 2)
    with pytest.raises(KeyError, match="initial_lr"):
        lr_scheduler.StepLR(opt, 2, last_epoch=4)
    with pytest.raises(ValueError, match="Expected 1 lr_lambdas, but got 2"):
        lr_scheduler.LambdaLR(opt, [lambda e: 1, lambda e: 1])
    with pytest.raises(ValueError, match="Expected positive integer T_0"):
        lr_scheduler.CosineAnnealingWarmRestarts(opt, 0)
    with pytest.raises(ValueError, match="You must define either total_steps"):
        lr_scheduler.OneCycleLR(opt, 1.0)
    with pytest.raises(ValueError, match="Factor should be < 1.0."):
        lr_scheduler.ReduceLROnPlateau(opt, factor=1.0)
    with pytest.raises(ValueError, match="max_lr must have the same length"):
        lr_scheduler.OneCycleLR(opt, [1.0, 2.0], total_steps=3)
    with pytest.raises(ValueError, match="at least one scheduler"):
        lr_scheduler.ChainedScheduler([])


def test_one_cycle_ends() -> None:
    opt = sgd()
    schedule = lr_scheduler.OneCycleLR(opt, 1.0, total_steps=3)
    run(opt, schedule, 3)
    with pytest.raises(ValueError, match="Tried to step 4 times"):
        schedule.step()


def test_averaged_model_holds_the_mean() -> None:
    model = torch.nn.Linear(2, 1)
    average = swa_utils.AveragedModel(model)
    seen = []
    for value in (1.0, 2.0, 6.0):
        with torch.no_grad():
            model.weight.fill_(value)
        seen.append(value)
        average.update_parameters(model)
    assert average.module.weight.tolist() == [[pytest.approx(3.0)] * 2]
    assert average.n_averaged.item() == 3
    ema = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.5))
    ema.update_parameters(model)
    with torch.no_grad():
        model.weight.fill_(2.0)
    ema.update_parameters(model)
    assert ema.module.weight.tolist() == [[pytest.approx(4.0)] * 2]


def test_update_bn_recomputes_the_statistics() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(3))
    batches = [torch.randn(8, 3) for _ in range(4)]
    swa_utils.update_bn(batches, model)
    expected = torch.stack([b.mean(0) for b in batches]).mean(0)
    assert (model[0].running_mean - expected).abs().max().item() < 1e-6
    assert model[0].momentum == 0.1 and model.training
