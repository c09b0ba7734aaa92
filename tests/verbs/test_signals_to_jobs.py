"""What a person and a machine do to a job in this process: Ctrl-C, SIGTERM, a decoder that is killed. Processes of their own."""

import io
import os
import signal
import time
from pathlib import Path

import pytest
from PIL import Image

from ganray.config import EditConfig
from ganray.storage import open_store
from ganray.verbs.edit import edit
from tests.tools.commands import STDOUT, start_command

PHOTOS, SMALL = 8, 2  # those of the first shard are small: its receipt is there while most of the work is to be done


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """The URL of photos that take a second or two in all, and nearly nothing for the first ones."""
    photos = open_store(str(tmp_path_factory.mktemp("photos")))
    for number in range(PHOTOS):
        side = 80 if number < SMALL else 400
        image = Image.new("RGB", (side, side), "white")
        image.paste((200, 30 + number, 40), (3 * side // 10, 3 * side // 10, 7 * side // 10, 7 * side // 10))
        image.save(file := io.BytesIO(), "JPEG")
        photos.put(f"{number:03d}.jpg", file.getvalue())
    return photos.url


def config_of(photos, out):
    return EditConfig(source=photos, edits="white", out=str(out), shard_images=2, workers=2, executor="local")


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory):
    """What a job leaves that nobody disturbs."""
    config = config_of(photos, tmp_path_factory.mktemp("whole"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1790000000")
        edit(config)
    return contents(config.out)


@pytest.fixture
def job(photos, tmp_path, monkeypatch):
    """The config of a job, and its command line."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    config = config_of(photos, tmp_path / "out")
    words = ["edit", "--source", config.source, "--edits", "white", "--out", config.out, "--shard-images", "2", "--workers", "2"]
    return config, [*words, "--executor", "local"]


def contents(url):
    """All but status.json, which tells the time."""
    store = open_store(url)
    return {info.key: store.get(info.key) for info in store.list() if info.key != "status.json"}


def begin(words, out):
    """The command, at the time when its first receipt is there and others are not."""
    command = start_command(words, stderr=STDOUT)
    deadline = time.monotonic() + 120
    while not any(out.list("receipts")):
        assert time.monotonic() < deadline and command.poll() is None
        time.sleep(0.01)
    return command


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, "ganray edit: interrupted. Run the same command again: finished work is kept"), (signal.SIGTERM, 15, "")],
)
def test_a_signal_ends_a_job_at_once_and_it_goes_on_later(job, whole, number, code, said):
    config, words = job
    out = open_store(config.out)
    command = begin(words, out)
    command.send_signal(number)
    output, _ = command.communicate(timeout=30)
    assert command.returncode == code, output
    assert said in output and "Traceback" not in output and "Exception" not in output
    assert not out.exists("job.json")
    assert b'"state": "stopped"' in out.get("status.json")
    books = edit(config)
    assert books["written"] + books["existing"] == PHOTOS and books["existing"] > 0
    assert contents(config.out) == whole


def children_of(pid):
    """Process ids of the decoders of a command."""
    parents = ((path, path.read_text().rpartition(")")[2].split()[1]) for path in Path("/proc").glob("[0-9]*/stat"))
    return [int(path.parent.name) for path, parent in parents if parent == str(pid)]


def test_a_photo_whose_decoder_is_killed_is_done_again(job, whole):
    config, words = job
    command = begin(words, open_store(config.out))
    killed = children_of(command.pid)
    for child in killed:
        os.kill(child, signal.SIGKILL)
    output, _ = command.communicate(timeout=120)
    assert killed and command.returncode == 0, output
    assert f"images {PHOTOS} = written {PHOTOS} + existing 0 + quarantined 0" in output
    assert contents(config.out) == whole
