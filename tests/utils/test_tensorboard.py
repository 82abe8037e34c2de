"""SummaryWriter: what lands in the event file is what was given."""

from __future__ import annotations

import struct
import subprocess
import sys

import numpy
import pytest

import rushlight as torch

pytest.importorskip("tensorboardX")


def values(folder):
    """tag -> list of (step, summary value), read from the event files."""
    from tensorboardX.proto.event_pb2 import Event

    found: dict = {}
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = Event.FromString(data[12 : 12 + length])
            data = data[12 + length + 4 :]
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value))
    return found


@pytest.fixture
def writer_class():
    from rushlight.utils.tensorboard import SummaryWriter

    return SummaryWriter


def test_scalars_from_numbers_and_tensors(tmp_path, writer_class):
    with writer_class(tmp_path / "log") as writer:
        writer.add_scalar("loss", 0.5, 1)
        writer.add_scalar("loss", torch.tensor(0.25, requires_grad=True), 2, new_style=True)
        writer.add_scalar("loss", torch.tensor([0.125], dtype=torch.bfloat16), 3)
        writer.add_scalar("exact", 0.1, 3, new_style=True, double_precision=True)
        writer.add_scalars("both", {"a": torch.tensor(1.0), "b": 2}, 1)
        assert writer.log_dir == writer.get_logdir()
    found = values(tmp_path / "log")
    (first, a), (second, b), (third, c) = found["loss"]
    assert (first, second, third) == (1, 2, 3)
    assert (a.simple_value, list(b.tensor.float_val), c.simple_value) == (0.5, [0.25], 0.125)
    assert list(found["exact"][0][1].tensor.double_val) == [0.1]
    assert b.metadata.plugin_data.plugin_name == "scalars"
    assert {
        v.simple_value for key, rows in found.items() if key.startswith("both") for _, v in rows
    } == {1.0, 2.0}


def test_histogram_image_text_and_figure(tmp_path, writer_class):
    x = torch.arange(100.0)
    with writer_class(log_dir=str(tmp_path)) as writer:
        writer.add_histogram("weights", x, 1)
        writer.add_image("picture", torch.zeros(3, 4, 5), 1)
        writer.add_images("pictures", torch.zeros(2, 1, 4, 4), 1)
        writer.add_text("note", "words", 1)
    found = values(tmp_path)
    histogram = found["weights"][0][1].histo
    assert (histogram.num, histogram.sum) == (100, float(numpy.arange(100).sum()))
    image = found["picture"][0][1].image
    assert (image.height, image.width) == (4, 5)
    assert image.encoded_image_string.startswith(b"\x89PNG")
    assert any(key.startswith("note") for key in found)


def test_tags_stay_as_given_and_hostile_ones_are_escaped_or_refused(tmp_path, writer_class):
    tags = {
        "learning rate (Adam) \u00e4": "learning rate (Adam) \u00e4",
        "../../etc/passwd": "../../etc/passwd",  # a tag is not a path
        "<b>&\"'": "<b>&\"'",
        "a\0b\nc\x7f": "a%00b%0ac%7f",
        "lone \udc80": "lone \\udc80",
    }
    with writer_class(tmp_path) as writer:
        for i, tag in enumerate(tags):
            writer.add_scalar(tag, i, 1)
            writer.add_histogram("h " + tag, torch.ones(3), 1)
            writer.add_text("t " + tag, tag)
        with pytest.raises(ValueError, match="tag: got 1,000,000 characters"):
            writer.add_scalar("x" * 1_000_000, 1, 1)
        with pytest.raises(TypeError, match="tag: got 3 of type int, expected a string"):
            writer.add_scalar(3, 1, 1)
    found = values(tmp_path)
    for i, written in enumerate(tags.values()):
        assert found[written][0][1].simple_value == i
        assert f"h {written}" in found and f"t {written}/text_summary" in found


def folders(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_dir())


def test_runs_stay_inside_the_log_folder(tmp_path, writer_class):
    log = tmp_path / "outer" / "log"
    with writer_class(log) as writer:
        writer.add_scalars("../../x", {"../../y": 1, "a\0/../b": 2}, 1)
        writer.add_embedding(torch.zeros(1, 2), tag="..", global_step=1)
        for name in ("../../x", "/tmp/x", "a/../../b", "a\0b"):
            with pytest.raises(ValueError, match="run name"):
                writer.add_hparams({"a": 1}, {"b": 2}, run_name=name)
        # A popular way of putting the results into the run's own folder.
        writer.add_hparams({"a": 1}, {"hparam/b": 2}, run_name=str(log))
        writer.add_hparams({"a": 1}, {"hparam/b": 2}, run_name="named")
    assert folders(tmp_path)[:2] == ["outer", "outer/log"]
    inside = {"00001", "00001/%2e%2e", "named"}
    inside |= {".._.._x_..", ".._.._x_../%2e%2e", ".._.._x_../%2e%2e/y"}
    inside |= {".._.._x_a%00", ".._.._x_a%00/%2e%2e", ".._.._x_a%00/%2e%2e/b"}
    assert set(folders(log)) == inside


def test_hyperparameters(tmp_path, writer_class):
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    with writer_class(tmp_path) as writer:
        given = {"lr": torch.tensor([0.5]), "on": True, "name": "x", "none": None, "n": 3}
        writer.add_hparams(given, {"m": torch.tensor(2.0)}, {"n": [1, 3]}, "run", 7)
        with pytest.raises(ValueError, match="value should be one of int, float, str, bool"):
            writer.add_hparams({"a": []}, {})
        with pytest.raises(TypeError, match="should be dictionary"):
            writer.add_hparams([], {})
        with pytest.raises(TypeError, match="should be a list of same type"):
            writer.add_hparams({"a": 1}, {}, {"a": ["x"]})
    found = values(tmp_path / "run")
    assert [(step, v.simple_value) for step, v in found["m"]] == [(7, 2.0)]

    def content(name):
        data = found[f"_hparams_/{name}"][0][1].metadata.plugin_data.content
        return HParamsPluginData.FromString(data)

    start = content("session_start_info").session_start_info.hparams
    assert (start["lr"].number_value, start["on"].bool_value, start["n"].number_value) == (
        0.5,
        True,
        3,
    )
    assert start["name"].string_value == "x" and "none" not in start
    infos = {i.name: i for i in content("experiment").experiment.hparam_infos}
    assert [v.number_value for v in infos["n"].domain_discrete.values] == [1, 3]


@pytest.mark.parametrize(
    ("dtype", "field", "expected"),
    [
        ("float32", "float_val", [1.5, -2]),
        ("float64", "double_val", [1.5, -2]),
        ("float16", "half_val", [0x3E00, 0xC000]),
        ("bfloat16", "half_val", [0x3FC0, 0xC000]),
        ("int64", "int64_val", [1, -2]),
        ("uint8", "int_val", [1, 2]),
        ("bool", "bool_val", [True, True]),
        ("complex64", "scomplex_val", [1.5, 0, -2, 0]),
    ],
)
def test_whole_tensors(tmp_path, writer_class, dtype, field, expected):
    numbers = [1, 2] if dtype == "uint8" else [1.5, -2]
    tensor = torch.tensor(numbers, dtype=torch.float64 if dtype != "uint8" else torch.uint8)
    with writer_class(tmp_path) as writer:
        writer.add_tensor("t", tensor.to(getattr(torch, dtype)).reshape(1, 2), 1)
    content = values(tmp_path)["t"][0][1].tensor
    assert list(getattr(content, field)) == expected
    assert [d.size for d in content.tensor_shape.dim] == [1, 2]


def test_pictures_out_of_range_are_clipped(tmp_path, writer_class):
    Image = pytest.importorskip("PIL.Image")
    import io

    picture = torch.tensor([[[-1.0, 0.5, 2.0, float("nan"), float("inf")]]])
    with writer_class(tmp_path) as writer:
        writer.add_image("p", picture, 1)
    data = values(tmp_path)["p"][0][1].image.encoded_image_string
    assert numpy.asarray(Image.open(io.BytesIO(data)))[0, :, 0].tolist() == [0, 127, 255, 0, 255]


def test_sizes_that_do_not_fit(tmp_path, writer_class):
    with writer_class(tmp_path) as writer:
        with pytest.raises(AssertionError, match=r"should contain one element .* 1 dimensions"):
            writer.add_scalar("a", torch.ones(2))
        with pytest.raises(ValueError, match="no element"):
            writer.add_histogram("a", torch.ones(0))
        with pytest.raises(ValueError, match="got 3 limits and 2 counts"):
            writer.add_histogram_raw("a", 0, 1, 1, 1, 1, [1, 2, 3], [1, 1])
        with pytest.raises(AssertionError, match=r"got shape \[10, 3\]"):
            writer.add_audio("a", torch.zeros(10, 3))


def test_flush_puts_all_that_was_added_into_the_file(tmp_path, writer_class):
    writer = writer_class(tmp_path)
    for step in range(100):
        writer.add_scalar("a", step, step)
    writer.flush()
    assert len(values(tmp_path)["a"]) == 100
    writer.close()
    writer.close()
    writer.add_scalar("b", 1, 1)  # a closed writer opens again
    writer.close()
    assert len(values(tmp_path)["b"]) == 1


def nodes_of(model, given):
    from rushlight.utils.tensorboard._graph import graph

    return {n.name: n for n in graph(model, given).node}


class Words(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(10, 4)
        self.drop = torch.nn.Dropout(0.5)
        self.score = torch.nn.Linear(4, 2)

    def forward(self, ids, *, scale=None):
        scores = self.score(self.drop(self.table(ids)))
        return {"scores": scores if scale is None else scores * scale, "best": scores.argmax(-1)}


def test_graph_links_integers_keywords_and_what_is_handed_on(tmp_path):
    model = Words().train()
    model.table.weight.requires_grad_(False)
    nodes = nodes_of(model, {"ids": torch.tensor([[1, 2, 3]]), "scale": torch.tensor(2.0)})
    assert list(nodes["Words/Embedding[table]/embedding"].input) == [
        "input/ids",
        "Words/Embedding[table]/weight",
    ]
    assert list(nodes["Words/Dropout[drop]/forward"].input) == ["Words/Embedding[table]/embedding"]
    assert list(nodes["Words/Linear[score]/view"].input) == ["Words/Dropout[drop]/forward"]
    assert list(nodes["Words/mul"].input) == ["Words/Linear[score]/view_1", "input/scale"]
    assert list(nodes["output/output.1"].input) == ["Words/mul"]
    assert "output/output.2" in nodes
    # The model is as it was.
    assert model.training and model.drop.training
    assert not model.table.weight.requires_grad and model.table.weight.grad is None
    assert not model._forward_hooks and not model._forward_pre_hooks


def test_graph_of_a_model_without_gradients_has_its_modules():
    class Rounding(torch.nn.Module):
        def forward(self, x):
            return x.long()

    nodes = nodes_of(torch.nn.Sequential(Rounding(), Rounding()), torch.ones(2))
    assert list(nodes["Sequential/Rounding[1]/forward"].input) == ["Sequential/Rounding[0]/forward"]
    assert list(nodes["output/output.1"].input) == ["Sequential/Rounding[1]/forward"]


def test_graph_refuses_what_it_cannot_draw(tmp_path, writer_class):
    with writer_class(tmp_path) as writer:
        with pytest.raises(TypeError, match="model: got function, expected an nn.Module"):
            writer.add_graph(lambda x: x, torch.ones(1))
        with pytest.raises(TypeError, match="input_to_model: got None, expected a tensor"):
            writer.add_graph(torch.nn.Linear(1, 1))
        model = torch.nn.Linear(3, 1)
        with pytest.raises(RuntimeError, match="mat1 and mat2 shapes"):
            writer.add_graph(model, torch.ones(2, 2))
        assert model.training and not model._forward_hooks
        with pytest.raises(NotImplementedError, match=r"add_openvino_graph: .* use add_graph"):
            writer.add_openvino_graph("model.xml")


def test_onnx_needs_its_library(tmp_path, writer_class, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with writer_class(tmp_path) as writer, pytest.raises(ImportError, match="pip install onnx"):
        writer.add_onnx_graph("model.onnx")


def test_an_installed_pytorch_is_not_loaded(tmp_path):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('PyTorch was loaded')")
    source = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import rushlight.utils.tensorboard\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
