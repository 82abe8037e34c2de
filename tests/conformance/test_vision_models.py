"""Models side by side with torchvision: starting values, printed text, published weights, outputs."""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import rushlight
from rushlight.vision import models as ours

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "vision"))
import model_cases as cases  # noqa: E402
from torchvision_reference import reference  # noqa: E402

theirs = reference().models
torch = importlib.import_module("torch")

# Of those that are in tests/golden too, the ones that most programs use.
NAMES = (
    "densenet121 efficientnet_b0 googlenet inception_v3 mobilenet_v2 mobilenet_v3_small resnet18 resnet50 "
    "resnext50_32x4d shufflenet_v2_x1_0 squeezenet1_1"
).split()
CASES = {name: cases.SMALL[name] for name in NAMES} | cases.LARGE


@pytest.mark.parametrize("name", CASES)
def test_same_state_text_and_outputs(name):
    case = CASES[name]
    expected = cases.build(torch, theirs, case)
    model = cases.build(rushlight, ours, case)
    state = model.state_dict()
    assert list(state) == list(expected.state_dict())
    for key, value in expected.state_dict().items():
        np.testing.assert_array_equal(state[key].numpy(), value.numpy(), err_msg=key, strict=True)
    assert repr(model) == repr(expected)
    assert rushlight.rand(1).item() == torch.rand(1).item()  # as many random numbers were drawn
    size = 32 if case[2] == 64 else case[2]
    images = cases.images(torch, size)[:1].float()
    with torch.no_grad(), rushlight.no_grad():
        theirs_out = expected.eval()(images).numpy()
        ours_out = model.eval()(rushlight.from_numpy(images.numpy())).numpy()
        exact = expected.double()(images.double()).numpy()
    # Thousands of roundings later: our distance from the exact result is of the size of PyTorch's.
    assert np.linalg.norm(ours_out - exact) <= 2 * np.linalg.norm(theirs_out - exact)


def test_outputs_and_gradients_with_an_auxiliary_classifier():
    case = ("inception_v3", {"init_weights": False, "num_classes": 4, "dropout": 0.0}, 299)
    images = np.random.default_rng(0).standard_normal((1, 3, 299, 299), dtype=np.float32)
    found = []
    for library, models in ((torch, theirs), (rushlight, ours)):
        model = cases.build(library, models, case)
        for layer in model.modules():
            if isinstance(layer, library.nn.BatchNorm2d):
                layer.eval()  # one image has one number a channel in the auxiliary classifier
        outputs = model(library.from_numpy(images))
        assert type(outputs).__name__ == "InceptionOutputs"
        assert outputs._fields == ("logits", "aux_logits")
        (outputs.logits.sum() + 0.4 * outputs.aux_logits.sum()).backward()
        grads = model.fc.weight.grad, model.AuxLogits.fc.weight.grad
        found.append([v.detach().numpy() for v in (*outputs, *grads)])
    for expected, value in zip(*found):
        scale = np.abs(expected).max()
        torch.testing.assert_close(torch.tensor(value / scale), torch.tensor(expected / scale))


@pytest.mark.parametrize("name", ours.list_models())
def test_same_weights(name):
    enum, expected = ours.get_model_weights(name), theirs.get_model_weights(name)
    assert enum.__name__ == expected.__name__
    assert list(enum.__members__) == list(expected.__members__)
    assert enum.DEFAULT.name == expected.DEFAULT.name
    for weights, other in zip(enum, expected):
        assert repr(weights) == repr(other) and str(weights) == str(other)
        assert weights.url == other.url
        assert repr(weights.transforms()) == repr(other.transforms())
        for key in ("num_params", "min_size", "categories", "license", "_metrics"):
            # As text: nan stands for numbers that are not published.
            assert repr(weights.meta.get(key)) == repr(other.meta.get(key)), key


def test_same_names():
    # video, optical flow and quantized models are not ours, and of detectors only two
    assert set(ours.list_models()) <= set(theirs.list_models())
    for name in ours.list_models(ours):
        file = importlib.import_module(ours.get_model_builder(name).__module__)
        other = importlib.import_module(theirs.get_model_builder(name).__module__)
        assert sorted(file.__all__) == sorted(other.__all__)
        assert file.__name__.rpartition(".")[2] == other.__name__.rpartition(".")[2]


OLD_CALLS = {
    "pretrained=False": lambda m: m.squeezenet1_1(pretrained=False),
    "weights=False": lambda m: m.squeezenet1_1(weights=False),
    "positional": lambda m: m.squeezenet1_1(None, False),
    "fixed argument": lambda m: m.resnext50_32x4d(groups=8),
    "no such weights": lambda m: m.get_model("vit_h_14", pretrained=True),
    "weights of another model": lambda m: m.resnet18(weights=m.ResNet34_Weights.DEFAULT),
    "unknown weights": lambda m: m.resnet18(weights="V9"),
    "weights with classes": lambda m: m.resnet18(weights="DEFAULT", num_classes=9),
    "unknown model": lambda m: m.get_model("none"),
    "unknown enum": lambda m: m.get_weight("None_Weights.DEFAULT"),
    "no enum": lambda m: m.get_weight("DEFAULT"),
    "init_weights": lambda m: m.googlenet(aux_logits=False, num_classes=2),
    "version": lambda m: m.SqueezeNet("3"),
}


@pytest.mark.parametrize("name", OLD_CALLS)
def test_same_warnings_and_errors(name):
    found = []
    for models in (theirs, ours):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                end = type(OLD_CALLS[name](models)).__name__
            except Exception as error:
                end = type(error).__name__, str(error)
        found.append((end, [(w.category.__name__, str(w.message)) for w in caught]))
    assert found[0] == found[1]


def test_published_weights_of_torchs_file_format(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    for zipped, enum in ((True, "SqueezeNet1_1_Weights"), (False, "ShuffleNet_V2_X0_5_Weights")):
        weights = getattr(ours, enum).DEFAULT
        name = enum.removesuffix("_Weights").lower()
        expected = theirs.get_model(name)
        path = folder / weights.url.rpartition("/")[2]
        torch.save(expected.state_dict(), path, _use_new_zipfile_serialization=zipped)
        state = ours.get_model(name, weights=weights).state_dict()
        for key, value in expected.state_dict().items():
            np.testing.assert_array_equal(state[key].numpy(), value.numpy(), err_msg=key)
