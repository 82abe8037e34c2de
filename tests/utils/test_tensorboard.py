"""SummaryWriter: what lands in the event file is what was given."""

from __future__ import annotations

import struct

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
        writer.add_scalar(
            "loss", torch.tensor([0.125], dtype=torch.bfloat16), 3, double_precision=True
        )
        writer.add_scalars("both", {"a": torch.tensor(1.0), "b": 2}, 1)
        assert writer.log_dir == writer.get_logdir()
    found = values(tmp_path / "log")
    assert [(step, v.simple_value) for step, v in found["loss"]] == [
        (1, 0.5),
        (2, 0.25),
        (3, 0.125),
    ]
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


def test_graph_is_refused(tmp_path, writer_class):
    with writer_class(tmp_path) as writer, pytest.raises(NotImplementedError, match="rushlight"):
        writer.add_graph(None)
