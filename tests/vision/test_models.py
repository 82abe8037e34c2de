"""Models against torchvision's records; weights, their files, and the ways to ask for them."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from urllib.error import HTTPError, URLError

import numpy as np
import pytest

import rushlight as torch
from rushlight.vision import models

sys.path.insert(0, str(Path(__file__).parent))
import model_cases as cases  # noqa: E402

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden" / "vision_models.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", cases.SMALL)
def test_model_is_torchvisions(name):
    expected, case = dict(GOLDEN[name]), cases.SMALL[name]
    model = cases.build(torch, models, case)
    assert cases.digest(model) == expected.pop("state")
    assert cases.text_digest(model) == expected.pop("text")
    found = cases.summary(cases.run(torch, model, case[2]))
    assert found.keys() == expected.keys()
    for key, numbers in expected.items():
        np.testing.assert_allclose(found[key], numbers, rtol=1e-7, atol=1e-7, err_msg=key)


# Published without the auxiliary classifiers; for images of 518 pixels.
AS_PUBLISHED = {
    "googlenet": {"aux_logits": False, "init_weights": True},
    "vit_h_14": {"image_size": 518},
}


@pytest.mark.parametrize("name", GOLDEN["layers"])
def test_layers_are_torchvisions(name):
    with torch.device("meta"):
        model = models.get_model(name, **cases.required(name))
        assert cases.text_digest(model) == GOLDEN["layers"][name]
        if name in AS_PUBLISHED:
            model = models.get_model(name, **AS_PUBLISHED[name])
    count = sum(p.numel() for p in model.parameters())
    assert count == models.get_model_weights(name).DEFAULT.meta["num_params"]


def test_all_models_are_recorded():
    # Of the subpackages, tests/conformance compares the models.
    assert models.list_models(models) == sorted(GOLDEN["layers"])


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty folder for weights, and no network."""
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_folder", None)

    def urlopen(request, *args, **kwargs):
        raise URLError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    return folder


def published(cache, weights, **arguments):
    """Write a file as it would be published; returns the model whose weights it holds."""
    torch.manual_seed(5)
    model = models.get_model(type(weights).__name__.removesuffix("_Weights"), **arguments)
    torch.save(model.state_dict(), cache / weights.url.rpartition("/")[2])
    return model


def same(a, b):
    a, b = a.state_dict(), b.state_dict()
    return list(a) == list(b) and all(torch.equal(a[k], b[k]) for k in a)


def test_weights_come_from_the_cache(cache):
    enum = models.SqueezeNet1_1_Weights
    expected = published(cache, enum.DEFAULT)
    for weights in (enum.DEFAULT, "DEFAULT", "SqueezeNet1_1_Weights.IMAGENET1K_V1"):
        assert same(models.squeezenet1_1(weights=weights), expected)
    assert not same(models.squeezenet1_1(), expected)
    assert same(models.get_model("SqueezeNet1_1", weights="DEFAULT", progress=False), expected)
    with pytest.raises(ValueError, match="'num_classes' expected value 1000 but got 10"):
        models.squeezenet1_1(weights=enum.DEFAULT, num_classes=10)


def test_missing_file_says_where_it_belongs(cache, capsys):
    weights = models.ResNet18_Weights.DEFAULT
    with pytest.raises(URLError, match="no network in tests; hub: cannot fetch") as caught:
        models.resnet18(weights=weights)
    assert weights.url in str(caught.value)
    assert str(cache / "resnet18-f37072fd.pth") in str(caught.value)
    assert capsys.readouterr().err.startswith(f'Downloading: "{weights.url}"')


def test_refused_download_stays_an_http_error(cache, monkeypatch):
    def urlopen(request, *args, **kwargs):
        raise HTTPError(request.full_url, 403, "Forbidden", {}, None)

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    with pytest.raises(HTTPError, match="403: Forbidden; hub: cannot fetch") as caught:
        models.ResNet18_Weights.DEFAULT.get_state_dict(progress=False)
    assert caught.value.code == 403


def test_weights_file_runs_no_code(cache):
    import pickle

    class Harmful:
        def __reduce__(self):
            return print, ("code from a file of weights",)

    path = cache / models.AlexNet_Weights.DEFAULT.url.rpartition("/")[2]
    path.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises((pickle.UnpicklingError, RuntimeError)):
        models.AlexNet_Weights.DEFAULT.get_state_dict()


def test_densenet_reads_the_older_names_of_published_files(cache):
    weights = models.DenseNet121_Weights.DEFAULT
    expected = published(cache, weights)
    path = cache / weights.url.rpartition("/")[2]
    state = torch.load(path)
    old = {}
    for key, value in state.items():
        for part in ("norm1", "norm2", "conv1", "conv2"):
            if ".denselayer" in key:
                key = key.replace(f".{part}.", f".{part[:-1]}.{part[-1]}.")
        old[key] = value
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, path)
    assert same(models.densenet121(weights=weights), expected)


def test_googlenet_drops_auxiliary_classifiers_that_nobody_asked_for(cache):
    weights = models.GoogLeNet_Weights.DEFAULT
    published(cache, weights, init_weights=False)
    model = models.googlenet(weights=weights)
    assert (model.aux1, model.aux2, model.aux_logits) == (None, None, False)
    assert model.transform_input
    with pytest.warns(
        UserWarning, match="auxiliary heads in the pretrained googlenet model are NOT"
    ):
        model = models.googlenet(weights=weights, aux_logits=True, transform_input=False)
    assert model.aux1 is not None and not model.transform_input


def test_inception_v3_keeps_its_auxiliary_classifier(cache):
    weights = models.Inception_V3_Weights.DEFAULT
    published(cache, weights, init_weights=False)
    assert models.inception_v3(weights=weights).AuxLogits is not None
    model = models.inception_v3(weights=weights, aux_logits=False)
    assert model.AuxLogits is None and not model.aux_logits


def test_old_names_of_a_transformers_mlp():
    new = models.VisionTransformer(32, 16, 1, 2, 8, 16)
    state = new.state_dict()
    for old, now in (("linear_1", "0"), ("linear_2", "3")):
        for kind in ("weight", "bias"):
            prefix = "encoder.layers.encoder_layer_0.mlp."
            state[f"{prefix}{old}.{kind}"] = state.pop(f"{prefix}{now}.{kind}")
    state._metadata["encoder.layers.encoder_layer_0.mlp"]["version"] = 1
    model = models.VisionTransformer(32, 16, 1, 2, 8, 16)
    model.load_state_dict(state)
    assert same(model, new)


def test_mnasnet_of_version_1():
    model = models.MNASNet(0.5)
    state = model.state_dict()
    del state._metadata
    with pytest.raises(ValueError, match="version should be set to 1 or 2 instead of None"):
        model.load_state_dict(state)
    old = models.MNASNet(0.5)
    full = models.MNASNet(1.0)
    for i in range(8):  # the first convolutions did not depend on the width
        old.layers[i] = full.layers[i]
    old.layers[8][0].layers[0] = torch.nn.Conv2d(16, 48, 1, bias=False)
    for i in (1, 3, 4):
        old.layers[8][0].layers[i] = torch.nn.BatchNorm2d(48)
    old.layers[8][0].layers[3] = torch.nn.Conv2d(48, 48, 3, 2, 1, groups=48, bias=False)
    old.layers[8][0].layers[6] = torch.nn.Conv2d(48, 16, 1, bias=False)
    state = old.state_dict()
    state._metadata[""]["version"] = 1
    with pytest.warns(UserWarning, match="A new version of MNASNet model has been implemented"):
        model.load_state_dict(state)
    assert same(model, old)


def test_positions_for_another_image_size():
    from rushlight.vision.models.vision_transformer import interpolate_embeddings

    small = models.VisionTransformer(32, 8, 1, 2, 8, 16)
    state = interpolate_embeddings(64, 8, small.state_dict(), reset_heads=True)
    large = models.VisionTransformer(64, 8, 1, 2, 8, 16)
    result = large.load_state_dict(state, strict=False)
    assert result.missing_keys == ["heads.head.weight", "heads.head.bias"]
    before, after = small.encoder.pos_embedding, large.encoder.pos_embedding
    corners = [1, 8, 57, 64]  # align_corners keeps them
    torch.testing.assert_close(after[0, corners], before[0, [1, 4, 13, 16]])
    with pytest.raises(ValueError, match="not a perfect square"):
        interpolate_embeddings(64, 8, {"encoder.pos_embedding": torch.zeros(1, 4, 8)})
    with pytest.raises(ValueError, match="Unexpected position embedding shape"):
        interpolate_embeddings(64, 8, {"encoder.pos_embedding": torch.zeros(2, 5, 8)})


def test_pretrained_is_an_old_name_of_weights(cache):
    expected = published(cache, models.SqueezeNet1_1_Weights.DEFAULT)
    equal = "`weights=SqueezeNet1_1_Weights.IMAGENET1K_V1`. You can also use `weights=SqueezeNet1_1_Weights.DEFAULT`"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = models.squeezenet1_1(pretrained=True)
    assert same(model, expected)
    texts = [str(w.message) for w in caught]
    assert len(texts) == 2 and {w.filename for w in caught} == {__file__}
    assert texts[0].startswith("The parameter 'pretrained' is deprecated since 0.13")
    assert equal in texts[1]
    with pytest.warns(UserWarning, match="equivalent to passing `weights=None`"):
        assert not same(models.squeezenet1_1(weights=False), expected)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert same(models.squeezenet1_1(True, False), expected)
    assert "Using 'weights' and 'progress' as positional parameter(s)" in str(caught[0].message)
    assert equal in str(caught[1].message)
    with pytest.raises(ValueError, match="No weights available for model vit_h_14"):
        models.vit_h_14(pretrained=True)
    with pytest.raises(
        TypeError, match="resnet18: too many positional arguments: got 3, expected at most 2"
    ):
        models.resnet18(None, True, 10)


def test_init_weights_left_out_warns():
    with pytest.warns(
        FutureWarning, match="default weight initialization of inception_v3 will be changed"
    ):
        models.inception_v3(aux_logits=False)
    with pytest.warns(
        FutureWarning, match="default weight initialization of GoogleNet will be changed"
    ):
        models.googlenet(aux_logits=False)


def test_names():
    assert models.get_model_weights("resnet50") is models.ResNet50_Weights
    assert models.get_model_weights(models.resnet50) is models.ResNet50_Weights
    assert models.get_weight("ResNet50_Weights.DEFAULT") is models.ResNet50_Weights.IMAGENET1K_V2
    parts = (models, models.detection, models.segmentation)
    assert sorted(n for m in parts for n in models.list_models(m)) == models.list_models()
    assert models.list_models(include="vit*", exclude="*_l_*") == [
        "vit_b_16",
        "vit_b_32",
        "vit_h_14",
    ]
    with pytest.raises(ValueError, match="Unknown model resnet1"):
        models.get_model("ResNet1")
    with pytest.raises(ValueError, match="Invalid weight name provided: 'ResNet50'"):
        models.get_weight("ResNet50")
    with pytest.raises(
        ValueError, match="'NoNet_Weights' for the specific method couldn't be retrieved"
    ):
        models.get_weight("NoNet_Weights.DEFAULT")
    with pytest.raises(KeyError):
        models.get_weight("ResNet50_Weights.NONE")
    with pytest.raises(TypeError, match="expected ResNet18_Weights but received ResNet50_Weights"):
        models.resnet18(weights=models.ResNet50_Weights.DEFAULT)
    with pytest.raises(ValueError, match="missing the 'weights' argument"):
        models.get_model_weights(models.ResNet)
    with pytest.raises(ValueError, match="already registered under the name 'resnet18'"):
        models._api.register_model("resnet18")(lambda: None)


def test_weights_are_values():
    import copy
    import pickle

    weights = models.ResNet50_Weights.DEFAULT
    assert copy.deepcopy(weights) is weights
    assert pickle.loads(pickle.dumps(weights)) is weights
    assert (
        copy.deepcopy(weights.value) == weights.value != models.ResNet50_Weights.IMAGENET1K_V1.value
    )
    assert len(weights.meta["categories"]) == 1000 and weights.meta["min_size"] == (1, 1)
    assert weights.url == "https://download.pytorch.org/models/resnet50-11ad3fa6.pth"
    assert "SWAG" in models.ViT_H_14_Weights.DEFAULT.meta["license"]


def test_preset_of_weights():
    preset = models.ResNet50_Weights.DEFAULT.transforms()
    assert repr(preset) == (
        "ImageClassification(\n    crop_size=[224]\n    resize_size=[232]\n    mean=[0.485, 0.456, 0.406]\n"
        "    std=[0.229, 0.224, 0.225]\n    interpolation=InterpolationMode.BILINEAR\n)"
    )
    image = torch.full((1, 3, 300, 500), 255, dtype=torch.uint8)
    expected = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(preset(image), expected.view(1, 3, 1, 1).expand(1, 3, 224, 224))
    assert preset(image.float() / 255).shape == (1, 3, 224, 224)
    pictures = pytest.importorskip("PIL.Image")
    picture = pictures.new("RGB", (500, 300), (255, 255, 255))
    torch.testing.assert_close(preset(picture), expected.view(3, 1, 1).expand(3, 224, 224))


def test_arguments_are_checked():
    from rushlight.vision.models import efficientnet, mobilenetv3, resnet
    from rushlight.vision.models.convnext import ConvNeXt

    with pytest.raises(ValueError, match="should be None or a 3-element tuple"):
        models.resnet18(replace_stride_with_dilation=[True])
    with pytest.raises(NotImplementedError, match="Dilation > 1 not supported in BasicBlock"):
        models.resnet18(replace_stride_with_dilation=[False, False, True])
    with pytest.raises(ValueError, match="BasicBlock only supports groups=1"):
        resnet.BasicBlock(64, 64, groups=2)
    with pytest.raises(ValueError, match="'groups' expected value 32 but got 8"):
        models.resnext50_32x4d(groups=8)
    with pytest.raises(ValueError, match="Unsupported SqueezeNet version 2"):
        models.SqueezeNet("2")
    with pytest.raises(ValueError, match="stride should be 1 or 2 instead of 3"):
        models.mobilenetv2.InvertedResidual(8, 8, 3, 6)
    with pytest.raises(ValueError, match="non-empty or a 4-element list"):
        models.MobileNetV2(inverted_residual_setting=[])
    with pytest.raises(ValueError, match="list of 3 positive ints"):
        models.ShuffleNetV2([1], [1, 2, 3, 4, 5])
    with pytest.raises(ValueError, match="list of 5 positive ints"):
        models.ShuffleNetV2([1, 1, 1], [1])
    with pytest.raises(ValueError, match="Invalid combination of stride 1, inp 3 and oup 8"):
        models.shufflenetv2.InvertedResidual(3, 8, 1)
    for kind, words in (
        (lambda s: mobilenetv3.MobileNetV3(s, 8), "inverted_residual_setting"),
        (lambda s: efficientnet.EfficientNet(s, 0.0), "inverted_residual_setting"),
        (ConvNeXt, "block_setting"),
    ):
        with pytest.raises(ValueError, match=f"The {words} should not be empty"):
            kind([])
        with pytest.raises(TypeError, match=f"The {words} should be List"):
            kind([1])
    with pytest.raises(ValueError, match="blocks length should be 3 instead of 1"):
        models.GoogLeNet(init_weights=False, blocks=[None])
    with pytest.raises(ValueError, match="length of inception_blocks should be 7 instead of 1"):
        models.Inception3(init_weights=False, inception_blocks=[None])
    with pytest.raises(ValueError, match="alpha should be greater than 0.0"):
        models.MNASNet(0.0)
    with pytest.raises(ValueError, match="Invalid RegNet settings"):
        models.regnet.BlockParams.from_init_params(4, 7, 1.0, 2.0, 8)
    with pytest.raises(AssertionError, match="indivisible by patch size"):
        models.VisionTransformer(30, 8, 1, 1, 8, 8)
    vit = models.VisionTransformer(32, 8, 1, 1, 8, 8)
    with pytest.raises(AssertionError, match="Wrong image width! Expected 32 but got 40!"):
        vit(torch.zeros(1, 3, 32, 40))
    with pytest.raises(AssertionError, match=r"Expected \(batch_size, seq_length, hidden_dim\)"):
        vit.encoder(torch.zeros(4, 8))
    with pytest.raises(ValueError, match="must be of length 2"):
        models.swin_transformer.ShiftedWindowAttention(8, [7], [0], 1)


def test_memory_efficient_densenet_has_the_same_gradients():
    grads = []
    for memory_efficient in (False, True):
        torch.manual_seed(0)
        model = models.DenseNet(8, (2, 2), 16, num_classes=4, memory_efficient=memory_efficient)
        model(torch.ones(2, 3, 32, 32, requires_grad=True)).sum().backward()
        grads.append([p.grad for p in model.parameters()])
    for a, b in zip(*grads):
        torch.testing.assert_close(a, b)


PROGRAM = """
import pickle, sys, torch, torchvision
from torchvision.models.resnet import ResNet, BasicBlock
from torchvision.models import resnet18, ResNet18_Weights
assert torchvision.models.resnet18 is resnet18
model = resnet18(num_classes=3)
print(type(model).__module__, model.layer1[0].__class__.__module__, resnet18.__module__)
torch.save(model, "model.pt")
again = torch.load("model.pt", weights_only=False)
x = torch.rand(1, 3, 64, 64)
print(type(again) is ResNet, torch.equal(again.eval()(x), model.eval()(x)))
for name in ("optical_flow", "video"):
    try:
        __import__(f"torchvision.models.{name}")
    except ModuleNotFoundError as error:
        print(error)
    try:
        getattr(torchvision.models, name)
    except AttributeError as error:
        print(error)
"""


def test_in_a_program(rushlight_run):
    done = rushlight_run(PROGRAM)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["torchvision.models.resnet"] * 3
    assert lines[1] == "True True"
    for name, imported, read in (("optical_flow", *lines[2:4]), ("video", *lines[4:6])):
        assert imported.startswith(f"No module named 'torchvision.models.{name}' (rushlight")
        assert read.startswith(f"module 'torchvision.models' has no attribute '{name}' (rushlight")
