"""What a person and a machine do to a job in this process: Ctrl-C, SIGTERM, a decoder that is killed. Commands of their own."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from ganray.config import EditConfig
from ganray.storage import open_store
from ganray.verbs.edit import edit

PHOTOS = 40


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Photos that take a few seconds in all: the config of their job, and its command line."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    photos = open_store(str(tmp_path / "photos"))
    for number in range(PHOTOS):
        image = Image.new("RGB", (640, 640), "white")
        image.paste((200, 30 + number, 40), (200, 200, 440, 440))
        image.save(file := io.BytesIO(), "JPEG")
        photos.put(f"{number:03d}.jpg", file.getvalue())
    config = EditConfig(source=str(tmp_path / "photos"), edits="white", out=str(tmp_path / "out"), shard_images=4, executor="local")
    words = ["edit", "--source", config.source, "--edits", "white", "--out", config.out, "--shard-images", "4", "--executor", "local"]
    return config, words


def contents(url):
    """All but status.json, which tells the time."""
    store = open_store(url)
    return {info.key: store.get(info.key) for info in store.list() if info.key != "status.json"}


def begin(words, out):
    """The command, at the time when its first receipt is there and others are not."""
    code = "import sys; from ganray.cli import command; command(sys.argv[1:])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    command = subprocess.Popen([sys.executable, "-c", code, *words], env=environment, **pipes)
    deadline = time.monotonic() + 120
    while not any(out.list("receipts")):
        assert time.monotonic() < deadline and command.poll() is None
        time.sleep(0.01)
    return command


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, "ganray edit: interrupted. Run the same command again: finished work is kept"), (signal.SIGTERM, 15, "")],
)
def test_a_signal_ends_a_job_at_once_and_it_goes_on_later(job, number, code, said, tmp_path):
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
    whole = config.model_copy(update={"out": str(tmp_path / "whole")})
    edit(whole)
    assert contents(config.out) == contents(whole.out)


def children_of(pid):
    """Process ids of the decoders of a command."""
    parents = ((path, path.read_text().rpartition(")")[2].split()[1]) for path in Path("/proc").glob("[0-9]*/stat"))
    return [int(path.parent.name) for path, parent in parents if parent == str(pid)]


def test_a_photo_whose_decoder_is_killed_is_done_again(job):
    config, words = job
    command = begin(words, open_store(config.out))
    killed = children_of(command.pid)
    for child in killed:
        os.kill(child, signal.SIGKILL)
    output, _ = command.communicate(timeout=120)
    assert killed and command.returncode == 0, output
    assert f"images {PHOTOS} = written {PHOTOS} + existing 0 + quarantined 0" in output
