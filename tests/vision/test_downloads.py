"""Downloads: a file appears whole and checked, or not at all and the old one stays. The server is on this machine."""

from __future__ import annotations

import hashlib
import io
import sys
import urllib.error
from pathlib import Path

import pytest

import rushlight as torch
from rushlight import _download
from rushlight.vision import datasets
from rushlight.vision.datasets import utils

sys.path.insert(0, str(Path(__file__).parent))
import dataset_files as files  # noqa: E402
from local_server import Server  # noqa: E402

BODY = b"the right bytes"
MD5 = hashlib.md5(BODY).hexdigest()
PAGE = b"\n <!DOCTYPE html><html><body>Quota exceeded</body></html>"


@pytest.fixture(scope="module")
def running():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def server(running):
    running.clear()
    yield running
    running.released.set()


def test_a_file_arrives_and_is_not_fetched_again(server, tmp_path):
    server.files["/a/file.bin"] = BODY
    for _ in range(2):
        utils.download_url(f"{server.url}/a/file.bin", tmp_path / "new", md5=MD5)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["file.bin"]
    assert (tmp_path / "new" / "file.bin").read_bytes() == BODY
    assert server.asked == ["/a/file.bin"]


def test_names_are_the_ends_of_addresses(server, tmp_path):
    server.files["/file.bin?token=1"] = BODY
    utils.download_url(f"{server.url}/file.bin?token=1", tmp_path)
    utils.download_url(f"{server.url}/file.bin?token=1", tmp_path, filename="named")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file.bin?token=1", "named"]
    with pytest.raises(ValueError, match="ends in no file name; pass filename="):
        utils.download_url(f"{server.url}/folder/", tmp_path)


def test_a_damaged_file_is_replaced(server, tmp_path):
    server.files["/f.bin"] = BODY
    (tmp_path / "f.bin").write_bytes(b"damaged")
    utils.download_url(f"{server.url}/f.bin", tmp_path, md5=MD5)
    assert (tmp_path / "f.bin").read_bytes() == BODY


@pytest.mark.parametrize(
    ("path", "error", "reason"),
    [
        ("/wrong.gz", RuntimeError, "File not found or corrupted.*the MD5 is"),
        ("/page.gz", RuntimeError, "a web page instead of page.gz"),
        ("/short.gz", RuntimeError, "cut off: 15 of 4000 bytes arrived"),
        ("/absent.gz", urllib.error.HTTPError, "404"),
        ("/to-file.gz", urllib.error.HTTPError, "file:///etc/hostname"),
        ("/to-ftp.gz", urllib.error.HTTPError, "redirect to 'ftp://127.0.0.1/x' refused"),
        ("/loop.gz", RecursionError, "exceeded 3 redirects. The last redirect points to"),
    ],
)
@pytest.mark.parametrize("checked", [True, False])
def test_what_is_not_the_file_is_refused(server, tmp_path, path, error, reason, checked):
    server.files.update({"/wrong.gz": b"something else", "/page.gz": PAGE, "/short.gz": BODY})
    server.lengths["/short.gz"] = 4000
    server.redirects.update(
        {
            "/to-file.gz": "file:///etc/hostname",
            "/to-ftp.gz": "ftp://127.0.0.1/x",
            "/loop.gz": "/loop.gz?",
        }
    )
    server.redirects["/loop.gz?"] = "/loop.gz"
    target = tmp_path / path[1:]
    target.write_bytes(b"old")
    if checked:
        with pytest.raises(error, match=reason):
            utils.download_url(server.url + path, tmp_path, md5=MD5)
    elif "wrong" not in path:  # nothing to check it by
        with pytest.raises(error, match=reason):
            _download.fetch(server.url + path, str(target))
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == [target.name]


FAULTS = [
    ("reset", "the connection broke: ConnectionResetError|cut off: 7 of 15 bytes"),
    ("silent", "nothing arrived for 0.2 s"),
    ("mute", "nothing arrived for 0.2 s|timed out"),
    ("garbage", "the connection broke: BadStatusLine"),
    ("short", "cut off: 15 of 4000 bytes arrived"),
    ("odd length", "announces a length of '-5'"),
    ("page", "a web page instead of file.pth"),
]
faults = pytest.mark.parametrize(("fault", "reason"), FAULTS, ids=[name for name, _ in FAULTS])


@pytest.fixture
def faulty(server, monkeypatch):
    """Lets /file.pth of the server have a fault; returns its address."""

    def address(fault):
        server.files["/file.pth"] = PAGE if fault == "page" else BODY
        server.lengths.update(
            {"short": {"/file.pth": 4000}, "odd length": {"/file.pth": "-5"}}.get(fault, {})
        )
        server.faults["/file.pth"] = (
            fault if fault in ("reset", "silent", "mute", "garbage") else None
        )
        return f"{server.url}/file.pth"

    monkeypatch.setattr(_download, "TIMEOUT_S", 0.2)
    return address


@faults
@pytest.mark.parametrize("old", [True, False], ids=["old file", "no file"])
def test_faults_of_the_network(faulty, tmp_path, fault, reason, old):
    """Every way of downloading raises, leaves no part of a file and the old one as it was."""
    url, target = faulty(fault), tmp_path / "file.pth"
    if old:
        target.write_bytes(b"old")
    for fetch in (
        lambda: torch.hub.download_url_to_file(url, str(target), progress=False),
        lambda: _download.fetch(url, str(target)),
    ):
        with pytest.raises((RuntimeError, urllib.error.URLError), match=reason):
            fetch()
        assert [p.name for p in tmp_path.iterdir()] == ["file.pth"] * old
        assert not old or target.read_bytes() == b"old"


@faults
def test_faults_of_weights_and_data_sets(faulty, tmp_path, fault, reason):
    url = faulty(fault)
    with pytest.raises((RuntimeError, urllib.error.URLError), match=reason):
        torch.hub.load_state_dict_from_url(url, str(tmp_path), progress=False)
    with pytest.raises((RuntimeError, urllib.error.URLError), match=reason):
        utils.download_and_extract_archive(url, str(tmp_path), md5=MD5)
    assert list(tmp_path.iterdir()) == []


def test_hub_checks_the_hash(server, tmp_path):
    path, right = tmp_path / "file.bin", hashlib.sha256(BODY).hexdigest()
    server.files["/file.bin"] = BODY
    with pytest.raises(RuntimeError, match=f'invalid hash value .expected "0000", got "{right}".'):
        torch.hub.download_url_to_file(f"{server.url}/file.bin", str(path), "0000", False)
    assert list(tmp_path.iterdir()) == []
    torch.hub.download_url_to_file(f"{server.url}/file.bin", str(path), right[:8], False)
    assert path.read_bytes() == BODY


def test_hub_keeps_whole_weights(server, tmp_path):
    stream = io.BytesIO()
    torch.save({"w": torch.ones(3)}, stream)
    digest = hashlib.sha256(stream.getvalue()).hexdigest()
    name = f"net-{digest[:8]}.pth"
    server.files[f"/{name}"] = stream.getvalue()
    for _ in range(2):
        state = torch.hub.load_state_dict_from_url(
            f"{server.url}/{name}", str(tmp_path), progress=False, check_hash=True
        )
        assert state["w"].tolist() == [1, 1, 1]
    assert server.asked == [f"/{name}"]
    server.files["/net-00000000.pth"] = stream.getvalue()
    with pytest.raises(RuntimeError, match='invalid hash value .expected "00000000"'):
        torch.hub.load_state_dict_from_url(
            f"{server.url}/net-00000000.pth", str(tmp_path), progress=False, check_hash=True
        )
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_redirects_are_followed(server, tmp_path):
    server.files["/there/f.bin"] = BODY
    server.redirects.update({"/f.bin": "/1", "/1": f"{server.url}/2", "/2": "/there/f.bin"})
    utils.download_url(f"{server.url}/f.bin", tmp_path, md5=MD5)
    assert (tmp_path / "f.bin").read_bytes() == BODY
    with pytest.raises(RecursionError, match="exceeded 2 redirects"):
        utils.download_url(f"{server.url}/f.bin", tmp_path / "b", md5=MD5, max_redirect_hops=2)


def test_pages_that_are_wanted(server, tmp_path):
    server.files["/index.html"] = PAGE
    utils.download_url(f"{server.url}/index.html", tmp_path)
    assert (tmp_path / "index.html").read_bytes() == PAGE


def test_files_of_this_machine_and_other_addresses(tmp_path):
    (tmp_path / "source.bin").write_bytes(BODY)
    utils.download_url((tmp_path / "source.bin").as_uri(), tmp_path / "there", md5=MD5)
    assert (tmp_path / "there" / "source.bin").read_bytes() == BODY
    with pytest.raises(RuntimeError, match="only http, https and file addresses are read"):
        utils.download_url("data:text/plain,x", tmp_path, "x")
    with pytest.raises(urllib.error.URLError):
        utils.download_url("http://127.0.0.1:9/nobody.bin", tmp_path)


def test_no_more_than_announced_or_allowed(server, tmp_path):
    server.files["/f.bin"] = BODY
    with pytest.raises(RuntimeError, match="15 bytes announced, at most 10 expected"):
        _download.fetch(f"{server.url}/f.bin", str(tmp_path / "f"), max_bytes=10)
    assert not list(tmp_path.iterdir())


def test_known_files_are_checked_by_sha256(server, tmp_path, monkeypatch):
    """A file forged to have the MD5 is refused."""
    server.files["/f.bin"] = BODY
    monkeypatch.setitem(utils.SHA256_OF_MD5, MD5, "0" * 64)
    with pytest.raises(RuntimeError, match="the SHA-256 is|the SHA256 is"):
        utils.download_url(f"{server.url}/f.bin", tmp_path, md5=MD5)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("bar", [True, False], ids=["tqdm", "plain"])
def test_progress_is_for_terminals(server, tmp_path, monkeypatch, capsys, bar):
    server.files["/f.bin"] = bytes(300_000)
    utils.download_url(f"{server.url}/f.bin", tmp_path / "quiet")
    assert capsys.readouterr() == ("", "")
    if not bar:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    utils.download_url(f"{server.url}/f.bin", tmp_path / "shown")
    assert "f.bin" in terminal.getvalue() and ("0.3 of 0.3 MB" in terminal.getvalue()) is not bar


def test_google_drive_needs_gdown(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gdown", None)
    address = "https://drive.google.com/file/d/0B7EVK8r0v71p/view"
    with pytest.raises(RuntimeError, match="'gdown' is required"):
        utils.download_url(address, tmp_path, "images.zip")


def test_archives_are_fetched_and_unpacked(server, tmp_path):
    server.files["/set.tar.gz"] = files.tar_of({"set/a": b"1"}, "w:gz")
    utils.download_and_extract_archive(f"{server.url}/set.tar.gz", tmp_path / "d", tmp_path / "x")
    assert (tmp_path / "x" / "set" / "a").read_bytes() == b"1"
    utils.download_and_extract_archive(
        f"{server.url}/set.tar.gz", tmp_path / "d", remove_finished=True
    )
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["set"]


# --- data sets ------------------------------------------------------------------------------------


@pytest.fixture
def mnist(server, tmp_path, monkeypatch):
    """MNIST on the server: the second mirror has it."""
    files.write_mnist(tmp_path / "web", packed=True)
    resources = []
    for name, _ in datasets.MNIST.resources:
        server.files["/good/" + name] = (tmp_path / "web" / name).read_bytes()
        resources.append((name, files.md5(tmp_path / "web" / name)))
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{server.url}/bad/", f"{server.url}/good/"])
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    return tmp_path / "root"


def test_mnist_downloads_what_is_missing(server, mnist):
    assert len(datasets.MNIST(mnist, download=True)) == 7
    names = [name for name, _ in datasets.MNIST.resources]
    found = sorted(p.name for p in (mnist / "MNIST" / "raw").iterdir())
    assert found == sorted([*names, *(name[:-3] for name in names)])  # as torchvision leaves them
    server.files.clear()
    server.asked.clear()
    assert len(datasets.MNIST(mnist, train=False, download=True)) == 7
    assert server.asked == []


def test_mnist_mends_a_damaged_archive_and_keeps_a_repacked_one(server, mnist):
    files.write_mnist(mnist / "MNIST" / "raw", packed=True, seed=50)  # other digests, but whole
    name = "train-labels-idx1-ubyte.gz"
    path = mnist / "MNIST" / "raw" / name
    path.write_bytes(path.read_bytes()[:20])
    datasets.MNIST(mnist, download=True)
    assert server.asked == [f"/bad/{name}", f"/good/{name}"]


def test_mnist_without_a_network_gives_every_reason(server, mnist):
    server.files.clear()
    with pytest.raises(
        RuntimeError, match="Error downloading train-images-idx3-ubyte.gz:\nTried"
    ) as e:
        datasets.MNIST(mnist, download=True)
    assert str(e.value).count("Error 404") == 2 and "Without a network, put the files" in str(
        e.value
    )


def test_cifar_downloads_and_unpacks(server, tmp_path):
    made = files.write_cifar(tmp_path / "made", datasets.CIFAR10)
    folder = tmp_path / "made" / made.base_folder
    contents = {f"{made.base_folder}/{p.name}": p.read_bytes() for p in folder.iterdir()}
    archive = files.tar_of(contents, "w:gz")
    server.files[f"/{made.filename}"] = archive
    made.url, made.tgz_md5 = f"{server.url}/{made.filename}", hashlib.md5(archive).hexdigest()
    root = tmp_path / "root"
    assert len(made(root, download=True)) == 20
    (root / made.base_folder / "data_batch_3").write_bytes(b"damaged")
    assert len(made(root, train=False, download=True)) == 4  # unpacked anew
    assert server.asked == [f"/{made.filename}"]


def test_emnist_unpacks_its_archive_of_archives(server, tmp_path):
    import zipfile

    files.write_mnist(
        tmp_path / "web", 5, ("emnist-digits-train", "emnist-digits-test"), packed=True
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for p in (tmp_path / "web").iterdir():
            z.write(p, f"gzip/{p.name}")
    server.files["/gzip.zip"] = out.getvalue()

    class EMNIST(datasets.EMNIST):
        url, md5 = f"{server.url}/gzip.zip", hashlib.md5(out.getvalue()).hexdigest()

    data = EMNIST(tmp_path / "root", "digits", download=True)
    assert len(data) == 5 and not (tmp_path / "root" / "EMNIST" / "raw" / "gzip").exists()
