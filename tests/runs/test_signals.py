"""What a signal does to the command; real runs are in test_local.py and tests/on_ray/test_resume.py."""

import os
import signal
import time

import pytest

from ganray.errors import Stopped
from ganray.runs import signals as module
from ganray.runs.mailbox import Command, LocalMailbox
from ganray.runs.signals import GracefulStop


def send(number):
    os.kill(os.getpid(), number)
    time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_ends(number, capsys):
    before, aborted = signal.getsignal(number), []
    with GracefulStop(mailbox := LocalMailbox()) as stop:
        stop.abort = lambda: aborted.append(True)
        send(number)
        assert mailbox.read_command() is Command.STOP
        assert aborted == []
        send(number)
        assert aborted == [True]
    assert signal.getsignal(number) is before
    assert f"train: {number.name}: stopping after a checkpoint (once more: at once)" in capsys.readouterr().err


def test_patience_has_an_end(monkeypatch):
    monkeypatch.setitem(module.LIMITS_S, signal.SIGTERM, 0.1)
    aborted = []
    with GracefulStop(LocalMailbox()) as stop:
        stop.abort = lambda: aborted.append(True)
        send(signal.SIGTERM)
        deadline = time.monotonic() + 30
        while not aborted and time.monotonic() < deadline:
            time.sleep(0.05)
    assert aborted == [True]


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Stopped)])
def test_before_there_are_workers_a_signal_ends_the_command(number, kind):
    with pytest.raises(kind), GracefulStop(mailbox := LocalMailbox()):
        send(number)
    assert mailbox.read_command() is Command.NONE


def test_the_error_says_what_is_left_and_how_to_go_on():
    stop = GracefulStop(LocalMailbox())
    error = stop.error(0.128)
    assert str(error) == (
        "SIGTERM to a worker: training stopped at 0.128 kimg, after a checkpoint. Continue with the same command and --resume"
    )
    assert error.exit_code == 143
    stop.received = signal.SIGTERM
    assert "SIGTERM: training stopped before a checkpoint could be written" in str(stop.error(None))
    stop.received = signal.SIGINT
    assert isinstance(stop.error(0.128), KeyboardInterrupt)
