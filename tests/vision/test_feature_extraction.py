"""Results of inner layers: those that hooks see, and no more work than they need."""

from __future__ import annotations

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.vision import models
from rushlight.vision.models.feature_extraction import (
    create_feature_extractor,
    get_graph_node_names,
)

IMAGE = rl.linspace(-1, 1, 3 * 64 * 64).view(1, 3, 64, 64)


@pytest.mark.parametrize(
    "name, nodes",
    [
        ("resnet18", ["layer1.0", "layer2", "layer4", "avgpool", "fc"]),
        ("vgg11", ["features.4", "features", "classifier.3"]),
        ("densenet121", ["features.denseblock1", "features.norm5"]),
        ("mobilenet_v3_small", ["features.4", "features.8.block.2"]),
        ("convnext_tiny", ["features.3", "avgpool"]),
    ],
)
def test_layers_give_what_hooks_see(name, nodes):
    rl.manual_seed(0)
    model = getattr(models, name)().eval()
    seen = {}
    for path in nodes:
        model.get_submodule(path).register_forward_hook(
            lambda m, i, o, path=path: seen.update({path: o.clone()})
        )
    extractor = create_feature_extractor(model, nodes)
    seen.clear()  # of the run that found the names
    with rl.no_grad():
        found = extractor(IMAGE)
        seen.clear()
        model(IMAGE)
    assert list(found) == nodes
    for path in nodes:
        assert rl.equal(found[path], seen[path])


def test_functions_between_layers():
    model = models.resnet18().eval()
    extractor = create_feature_extractor(
        model, {"x": "input", "layer1.0.add": "sum", "layer1.0.relu_1": "out", "flatten": "flat"}
    )
    with rl.no_grad():
        found = extractor(IMAGE)
    assert found["input"] is IMAGE
    assert rl.equal(found["out"], found["sum"].relu())
    assert found["flat"].shape == (1, 512)


def test_nothing_after_the_last_result_runs_or_stays():
    model = models.resnet18()
    extractor = create_feature_extractor(model.eval(), ["layer2.1.conv1"])
    model.layer2[1].bn2.register_forward_hook(lambda *a: pytest.fail("bn2 ran"))
    assert extractor(IMAGE)["layer2.1.conv1"].shape == (1, 128, 8, 8)
    prefixes = {name.split(".")[0] for name, _ in extractor.named_parameters()}
    assert prefixes == {"conv1", "bn1", "layer1", "layer2"}
    with pytest.raises(RuntimeError, match="was left out"):
        extractor._model.fc(IMAGE)
    assert extractor.layer1[0].conv1.weight is model.layer1[0].conv1.weight


def test_trains():
    model = models.resnet18()
    extractor = create_feature_extractor(model, {"layer1": "y"}).train()
    extractor(IMAGE)["y"].sum().backward()
    assert model.conv1.weight.grad is not None and model.bn1.num_batches_tracked == 1


def test_names_leave_the_model_and_random_numbers_alone():
    model = models.resnet18()
    model.layer1.eval()
    rl.manual_seed(3)
    expected = rl.rand(1).item()
    rl.manual_seed(3)
    get_graph_node_names(model)
    assert rl.rand(1).item() == expected
    assert model.training and not model.layer1.training and model.bn1.num_batches_tracked == 0


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.drop = nn.Linear(3, 4), nn.Dropout(0.5)

    def forward(self, x, scale=2):
        y = self.a(x) * scale
        return self.drop(y) if self.training else y


def test_modes_with_names_of_their_own():
    example = {"example_inputs": (rl.zeros(2, 3),)}
    with pytest.warns(UserWarning, match="in eval mode differ"):
        train, evaluation = get_graph_node_names(Odd(), example)
    assert (train, evaluation) == (["x", "a", "mul", "drop"], ["x", "a", "mul"])
    extractor = create_feature_extractor(
        Odd(),
        train_return_nodes=["drop"],
        eval_return_nodes={"mul": "y"},
        tracer_kwargs=example,
    )
    assert list(extractor(rl.zeros(2, 3))) == ["drop"]
    assert list(extractor.eval()(rl.zeros(2, 3))) == ["y"]


@pytest.mark.parametrize(
    "text, options",
    [
        ("'layer9' is not present in model", {"return_nodes": ["layer9"]}),
        ("should be specified", {}),
        ("then both should be specified", {"train_return_nodes": ["fc"]}),
        (
            "then both should be specified",
            {"return_nodes": ["fc"], "train_return_nodes": ["fc"], "eval_return_nodes": ["fc"]},
        ),
    ],
)
def test_refused(text, options):
    with pytest.raises(ValueError, match=text):
        create_feature_extractor(models.resnet18(), **options)


def test_model_of_another_input_says_what_is_needed():
    with pytest.raises(RuntimeError, match="example_inputs"):
        get_graph_node_names(Odd())
