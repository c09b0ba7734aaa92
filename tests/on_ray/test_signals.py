"""What a signal does to the command; real runs are in test_resume.py."""

import os
import signal
import time

import pytest
from ray.train import ScalingConfig

from ganray.errors import Stopped
from ganray.on_ray import signals as module
from ganray.on_ray.ray_internals import Trainer
from ganray.on_ray.signals import GracefulStop


class Board:
    def __init__(self):
        self.orders = []
        self.order = self  # `board.order.remote(word)`
        self.remote = self.orders.append


class Run:
    """A trainer that runs, or does not yet."""

    def __init__(self, runs=True):
        self.ended = 0
        self.abort = self.end if runs else None

    def end(self):
        self.ended += 1


def send(number):
    os.kill(os.getpid(), number)
    time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_ends(number, capsys):
    before = signal.getsignal(number)
    with GracefulStop(board := Board()) as leaving:
        leaving.trainer = run = Run()
        send(number)
        assert board.orders == ["leave"]
        assert run.ended == 0
        send(number)
        assert run.ended == 1
    assert signal.getsignal(number) is before
    assert f"train: {number.name}: leaving after a checkpoint (once more: at once)" in capsys.readouterr().err


def test_patience_has_an_end(monkeypatch):
    monkeypatch.setitem(module.LIMITS_S, signal.SIGTERM, 0.1)
    with GracefulStop(Board()) as leaving:
        leaving.trainer = run = Run()
        send(signal.SIGTERM)
        deadline = time.monotonic() + 30
        while not run.ended and time.monotonic() < deadline:
            time.sleep(0.05)
    assert run.ended == 1


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Stopped)])
@pytest.mark.parametrize("trainer", [None, Run(runs=False)])
def test_before_there_are_workers_a_signal_ends_the_command(number, kind, trainer):
    with pytest.raises(kind), GracefulStop(board := Board()) as leaving:
        leaving.trainer = trainer
        send(number)
    assert board.orders == []


def test_the_error_says_what_is_left_and_how_to_go_on():
    leaving = GracefulStop(Board())
    error = leaving.error(0.128)
    assert str(error) == (
        "SIGTERM to a worker: training stopped at 0.128 kimg, after a checkpoint. Continue with the same command and --resume"
    )
    assert error.exit_code == 143
    leaving.came = signal.SIGTERM
    assert "SIGTERM: training stopped before a checkpoint could be written" in str(leaving.error(None))
    leaving.came = signal.SIGINT
    assert isinstance(leaving.error(0.128), KeyboardInterrupt)


def test_a_cluster_of_the_run_s_own_has_no_guard_that_waits_for_a_dashboard():
    """`ray.train` waits 12 s at the end for it, where there is none."""
    trainer = Trainer(print, scaling_config=ScalingConfig(num_workers=1))
    whole = [type(each).__name__ for each in trainer._create_default_callbacks()]
    trainer.alone = True
    alone = [type(each).__name__ for each in trainer._create_default_callbacks()]
    assert [name for name in whole if name not in alone] == ["PlacementGroupCleanerCallback"]
