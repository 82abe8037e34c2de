"""What TensorBoard serves and shows of what was written, under both names of the writer."""

from __future__ import annotations

import io
import json
import re
import shutil
import struct
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import numpy
import pytest

for library in ("tensorboardX", "tensorboard", "matplotlib", "PIL"):
    pytest.importorskip(library)

PROGRAM = Path(__file__).with_name("tensorboard_program.py")
MODULES = {"torch": "torch.utils.tensorboard", "x": "tensorboardX"}
RUNS = pytest.mark.parametrize("run", sorted(MODULES))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Server:
    """TensorBoard's data, as its page asks for them."""

    def __init__(self, url: str) -> None:
        self.url = url

    def bytes(self, path: str, **query) -> bytes:
        url = f"{self.url}data/{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.read()

    def json(self, path: str, **query):
        return json.loads(self.bytes(path, **query))

    def post(self, path: str, content: dict):
        request = urllib.request.Request(
            f"{self.url}data/{path}",
            json.dumps(content).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def picture(self, tag: str, run: str):
        from PIL import Image

        (entry,) = self.json("plugin/images/images", run=run, tag=tag, sample=0)
        return Image.open(io.BytesIO(self.bytes(f"plugin/images/individualImage?{entry['query']}")))


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for run, module in MODULES.items():
        command = [sys.executable, "-m", "rushlight", "run", PROGRAM, module, folder / run]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    # A writer that was killed leaves half a record; one byte that went wrong spoils the rest of its file.
    first = sorted((folder / "torch").glob("events*"))[0]
    (folder / "z cut").mkdir()
    (folder / "z cut" / first.name).write_bytes(first.read_bytes()[:900])
    spoilt = bytearray(first.read_bytes())
    spoilt[900] ^= 0xFF
    (folder / "z spoilt").mkdir()
    (folder / "z spoilt" / first.name).write_bytes(spoilt)
    return folder


@pytest.fixture(scope="module")
def server(logs):
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", logs, "--host", "127.0.0.1"]
    command += ["--port", "0", "--load_fast", "false", "--reload_interval", "1"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        seen = []
        for line in process.stderr:
            seen.append(line)
            address = re.search(r"at (http://127\.0\.0\.1:\d+/)", line)
            if address:
                break
        else:
            pytest.fail("TensorBoard ended: " + "".join(seen))
        found = Server(address[1])
        limit = time.monotonic() + 120
        while not {"torch", "x", "z cut", "z spoilt"} <= set(found.json("runs")) or not all(
            found.json("plugin/graphs/info").get(run) for run in MODULES
        ):
            assert time.monotonic() < limit, found.json("runs")
            time.sleep(0.2)
        yield found
    finally:
        process.terminate()
        process.wait(30)
        process.stderr.close()


@RUNS
def test_scalars(server, run):
    rows = server.json("plugin/scalars/scalars", run=run, tag="curves/loss")
    assert [step for _, step, _ in rows] == list(range(50))
    values = [value for *_, value in rows]
    numpy.testing.assert_allclose(values, numpy.exp(-numpy.arange(50) / 10), rtol=1e-6)
    folder = {"torch": "torch/curves_both_{}", "x": "x/curves/both/{}"}[run]
    for name, sign in (("a", 1), ("b", -1)):
        rows = server.json("plugin/scalars/scalars", run=folder.format(name), tag="curves/both")
        assert [value for *_, value in rows] == [sign * step for step in range(50)]


@RUNS
def test_histograms(server, run):
    rows = server.json("plugin/histograms/histograms", run=run, tag="weights")
    assert [step for _, step, _ in rows] == [0, 1, 2]
    for _, step, buckets in rows:
        assert sum(count for *_, count in buckets) == pytest.approx(1001)
        assert buckets[0][0] <= -(step + 1) and buckets[-1][1] >= step + 1
    ((_, _, raw),) = server.json("plugin/histograms/histograms", run=run, tag="raw")
    assert [count for *_, count in raw] == [1, 1, 2]


@RUNS
def test_pictures(server, run):
    ramp = numpy.asarray(server.picture("ramp", run))
    expected = (numpy.linspace(0, 1, 8, dtype=numpy.float32) * 255).astype(numpy.uint8)
    assert ramp.shape == (6, 8, 3)
    assert (ramp == expected[:, None]).all()
    batch = numpy.asarray(server.picture("batch", run))
    assert batch.shape == (6, 16, 3)
    boxes = numpy.asarray(server.picture("boxes", run))
    assert (boxes[1, 1:6] == [255, 0, 0]).all() and (boxes[:, 7] == ramp[:, 7]).all()
    assert server.picture("figure", run).size == (100, 50)
    video = server.picture("video", run)
    assert (video.format, video.n_frames, video.size) == ("GIF", 4, (8, 8))
    assert video.info["duration"] == 250


@RUNS
def test_sound_and_text(server, run):
    import wave

    (entry,) = server.json("plugin/audio/audio", run=run, tag="tone", sample=0)
    with wave.open(io.BytesIO(server.bytes(f"plugin/audio/individualAudio?{entry['query']}"))) as w:
        assert (w.getframerate(), w.getnframes(), w.getnchannels()) == (8000, 800, 1)
        samples = numpy.frombuffer(w.readframes(800), "<i2")
    numpy.testing.assert_allclose(samples, numpy.sin(numpy.arange(800) * 0.3) * 32767, atol=2)
    (note,) = server.json("plugin/text/text", run=run, tag="note/text_summary")
    assert note["step"] == 2
    assert "<strong>bold</strong>" in note["text"] and "<script" not in note["text"]


@RUNS
def test_precision_and_recall(server, run):
    (curve,) = server.json("plugin/pr_curves/pr_curves", run=run, tag="pr")[run]
    assert curve["thresholds"][:4] == [0, 0.25, 0.5, 0.75]
    assert curve["true_positives"][:4] == [2, 2, 2, 1]
    assert curve["false_positives"][:4] == [2, 1, 0, 0]
    (raw,) = server.json("plugin/pr_curves/pr_curves", run=run, tag="pr raw")[run]
    assert (raw["precision"], raw["recall"]) == ([0.5, 0.5], [1, 0.5])


@RUNS
def test_mesh(server, run):
    parts = server.json("plugin/mesh/meshes", run=run, tag="solid", sample=0)
    assert [p["content_type"] for p in parts] == [1, 2, 3]
    assert {p["components"] for p in parts} == {0b1110}
    data = server.bytes(
        "plugin/mesh/data", run=run, tag="solid", sample=0, content_type="VERTEX", step=0
    )
    corners = numpy.frombuffer(data, numpy.float32).reshape(4, 3)
    assert corners.tolist() == [[1, 1, 1], [-1, -1, 1], [1, -1, -1], [-1, 1, -1]]


@RUNS
def test_hyperparameters(server, run):
    server.post("plugin/hparams/experiment", {"experimentName": ""})
    query = {
        "experimentName": "",
        "allowedStatuses": ["STATUS_SUCCESS"],
        "colParams": [],
        "startIndex": 0,
        "sliceSize": 10,
    }
    groups = server.post("plugin/hparams/session_groups", query)["sessionGroups"]
    (group,) = [g for g in groups if g["name"].startswith(run + "/")]
    assert group["hparams"] == {"lr": 0.1, "name": "sgd", "nesterov": True}
    (metric,) = group["metricValues"]
    assert (metric["name"]["tag"], metric["value"]) == ("hparam/accuracy", 0.75)


@RUNS
def test_charts_and_embedding(server, run):
    (category,) = server.json("plugin/custom_scalars/layout", run=run)["category"]
    assert category["chart"][0]["multiline"]["tag"] == ["curves/loss"]
    (entry,) = server.json("plugin/projector/info", run=run)["embeddings"]
    name = entry["tensorName"]
    assert name == "points %221%22:00001"
    points = numpy.frombuffer(
        server.bytes("plugin/projector/tensor", run=run, name=name), numpy.float32
    )
    assert points.tolist() == list(range(12))
    labels = server.bytes("plugin/projector/metadata", run=run, name=name).decode()
    assert labels.splitlines() == ["a", "b c", "d e", "f"]
    sprite = server.bytes("plugin/projector/sprite_image", run=run, name=name)
    assert sprite.startswith(b"\x89PNG")


@RUNS
def test_graph(server, run):
    from google.protobuf import text_format
    from tensorboardX.proto.graph_pb2 import GraphDef

    text = server.bytes("plugin/graphs/graph", run=run).decode()
    nodes = {n.name: n for n in text_format.Parse(text, GraphDef()).node}
    convolution = nodes["Net/Sequential[features]/Conv2d[0]/convolution"]
    assert list(convolution.input) == [
        "input/picture",
        "Net/Sequential[features]/Conv2d[0]/weight",
        "Net/Sequential[features]/Conv2d[0]/bias",
    ]
    (shape,) = convolution.attr["_output_shapes"].list.shape
    assert [d.size for d in shape.dim] == [2, 4, 6, 6]
    assert list(nodes["Net/Sequential[features]/Dropout[2]/forward"].input) == [
        "Net/Sequential[features]/ReLU[1]/relu"
    ]
    assert list(nodes["output/output.1"].input) == ["Net/Linear[head]/addmm"]
    assert all(i in nodes for n in nodes.values() for i in n.input)


def test_half_a_record_and_a_spoilt_one_end_the_curve_there(server):
    whole = server.json("plugin/scalars/scalars", run="torch", tag="curves/loss")
    for run in ("z cut", "z spoilt"):
        rows = server.json("plugin/scalars/scalars", run=run, tag="curves/loss")
        assert 5 < len(rows) < len(whole)
        assert rows == whole[: len(rows)]


def records(path: Path) -> int:
    """How many whole records a file of events has."""
    data, count = path.read_bytes(), 0
    while len(data) >= 12:
        (length,) = struct.unpack("<Q", data[:8])
        data, count = data[length + 16 :], count + 1
    assert not data
    return count


def test_two_writers_of_a_folder_in_one_second_keep_files_of_their_own(tmp_path):
    from rushlight.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as a, SummaryWriter(tmp_path) as b:
        a.add_scalar("a", 1, 1)
        b.add_scalar("b", 2, 1)
        a.flush()
        b.flush()
        assert [records(p) for p in tmp_path.iterdir()] == [2, 2]


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_page_shows_the_curves(server, tmp_path):
    from PIL import Image

    options = "headless no-sandbox disable-gpu disable-quic no-first-run hide-scrollbars"
    options += " disable-background-networking disable-component-update disable-sync"
    options += (
        f" window-size=1400,700 virtual-time-budget=20000 user-data-dir={tmp_path / 'profile'}"
    )
    shot = tmp_path / "page.png"
    command = [CHROMIUM, *(f"--{option}" for option in options.split()), f"--screenshot={shot}"]
    command.append(f"{server.url}#scalars&_smoothingWeight=0&regexInput=^torch")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert shot.exists(), done.stderr
    pixels = numpy.asarray(Image.open(shot).convert("RGB")).astype(int)
    pixels = pixels[100:, int(0.27 * pixels.shape[1]) :]  # right of the list of runs
    colours, counts = numpy.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    strong = (numpy.ptp(colours, axis=1) > 90) & (counts > 60)
    slopes = {}
    for colour in colours[strong]:
        rows, columns = (pixels == colour).all(axis=2).nonzero()
        if numpy.ptp(columns) > 150 and numpy.ptp(rows) > 50:  # a curve, not a button
            slopes[tuple(map(int, colour))] = float(numpy.corrcoef(columns, -rows)[0, 1])
    rising = [r for r in slopes.values() if r > 0.95]
    falling = [r for r in slopes.values() if r < -0.95]
    bending = [r for r in slopes.values() if -0.95 < r < -0.7]
    assert (len(rising), len(falling), len(bending)) == (1, 1, 1), slopes
