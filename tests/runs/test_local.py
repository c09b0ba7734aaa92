"""Signals to a command whose worker is in its own process: it leaves a checkpoint, and goes on from there to the same bits."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from ganray import settings
from ganray.config import TrainConfig
from ganray.errors import Stopped
from ganray.runs import run_context, signals
from ganray.runs.checkpoints import Checkpoints
from ganray.verbs.train import train
from tests.tools.commands import start_command
from tests.tools.runs import checkpoints, differing, learned, tiny

ROOT = Path(__file__).parents[2]
OPTIONS = ["--executor", "local", "--batch", "16", "--threads", "1", "--precision", "fp32", "--augment.p", "0.3", "--data.window", "48"]
OPTIONS += ["--model.widths", "8,8,8", "--model.z-dim", "8", "--model.embed-dim", "4", "--score.kimg", "0"]
OPTIONS += ["--optimizer.decay-kimg", "0.192"]


def arguments(catalog, out, *options):
    """What follows `jobs/train.py`."""
    return ["--catalog", catalog, "--out", str(out), *OPTIONS, *options]


def train_here(catalog, out, *options):
    """The same without a process of its own."""
    return train(settings.load("train", TrainConfig, arguments(catalog, out, *options)))


class Command:
    """`jobs/train.py` in a process of its own."""

    def __init__(self, catalog, out, *options):
        self.process = start_command([ROOT / "jobs" / "train.py", *arguments(catalog, out, *options)])

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate()

    def wait_for(self, happens, limit=240):
        deadline = time.monotonic() + limit
        while not happens():
            assert self.process.poll() is None and time.monotonic() < deadline, self.process.communicate()
            time.sleep(0.05)

    def end(self):
        """(exit code, stderr)."""
        _, text = self.process.communicate(timeout=240)
        assert "Traceback" not in text, text
        return self.process.returncode, text


def endless(catalog, out):
    """A run that would take hours, with no checkpoint but those that somebody asks for."""
    never = ("--checkpoint-kimg", "400", "--checkpoint-minutes", "0")
    return Command(catalog, out, "--kimg", "500", *never, "--grid-kimg", "0.16")


def started(out):
    return lambda: list(out.glob("grids/*.png"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_a_checkpoint(small_catalog, tmp_path, number, code):
    out = tmp_path / "m"
    with endless(small_catalog, out) as command:
        command.wait_for(started(out))
        command.process.send_signal(number)
        returned, text = command.end()
    assert returned == code, text
    (clock,) = checkpoints(out)
    assert f"train: {number.name}: stopping after a checkpoint" in text
    assert f"train: stopped at {clock / 1000:g} kimg, after a checkpoint" in text
    assert "Continue with the same command and --resume" in text.splitlines()[-1]
    further = clock + 32
    assert train_here(small_catalog, out, "--kimg", f"{further / 1000:g}", "--resume")["kimg"] == further / 1000


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGTERM, Stopped), (signal.SIGINT, KeyboardInterrupt)])
def test_the_second_signal_ends_the_run_at_once(small_catalog, tmp_path, monkeypatch, number, kind):
    """Its checkpoint does not get into the store, which nothing else would stop waiting for: the folder cannot be written to."""
    out = tmp_path / "m"
    monkeypatch.setitem(signals.LIMITS_S, number, 600.0)
    monkeypatch.setattr(run_context, "LAST_CHECKPOINT_S", 600.0)
    waiting, flush = threading.Event(), Checkpoints.flush
    monkeypatch.setattr(Checkpoints, "flush", lambda *arguments: waiting.set() or flush(*arguments))

    def interrupt():
        while not started(out)():
            time.sleep(0.05)
        (out / "checkpoints").write_text("a file where the folder should be")
        os.kill(os.getpid(), number)
        waiting.wait(120)  # the worker has read the command and is about to wait for its last checkpoint
        time.sleep(0.5)  # a signal just before a wait does not end it
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(kind) as error:
        train(tiny(small_catalog, out, kimg=500.0, checkpoint_kimg=400.0, grid_kimg=0.032))
    thread.join()
    assert kind is KeyboardInterrupt or "SIGTERM: training stopped before a checkpoint could be written" in str(error.value)


def test_a_last_checkpoint_that_takes_too_long_is_not_waited_for(small_catalog, tmp_path, monkeypatch):
    out = tmp_path / "m"
    monkeypatch.setitem(signals.LIMITS_S, signal.SIGINT, 0.5)
    monkeypatch.setattr(run_context, "LAST_CHECKPOINT_S", 600.0)
    interrupted = []

    def interrupt():
        while not started(out)():
            time.sleep(0.05)
        (out / "checkpoints").write_text("a file where the folder should be")
        interrupted.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        train(tiny(small_catalog, out, kimg=500.0, checkpoint_kimg=400.0, grid_kimg=0.032))
    thread.join()
    assert time.monotonic() - interrupted[0] < 60


@pytest.mark.slow
def test_a_killed_command_goes_on_and_ends_bit_equal(small_catalog, tmp_path):
    """SIGKILL to the process; the same command with --resume ends where a quiet run does."""
    out, often = tmp_path / "m", ("--kimg", "0.192", "--checkpoint-kimg", "0.032")
    train_here(small_catalog, tmp_path / "quiet", *often)
    with Command(small_catalog, out, *often) as command:
        command.wait_for(lambda: len(checkpoints(out)) > 0)
        command.process.kill()
    before = checkpoints(out)[0]
    with Command(small_catalog, out, *often, "--resume") as command:
        code, text = command.end()
    assert code == 0, text
    assert before == 192 or "resumed at" in text
    assert differing(learned(tmp_path / "quiet"), learned(out)) == []
