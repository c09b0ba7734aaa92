"""What only the executor of this process promises: bounded memory, lanes that end, signals that end a command at once."""

import functools
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ganray.execution import local
from ganray.execution.local import LocalExecutor, lanes_running
from ganray.execution.port import ShardWork, Workers

SLOW_COMMAND = """
import os, signal, time
from ganray.execution.local import LocalExecutor, lanes_running
from ganray.execution.port import ShardWork, Workers
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where these tests were started in the background
def start():
    return lambda shard: (os.write(1, b"started\\n"), time.sleep(1.5))
try:
    list(LocalExecutor().map_shards(ShardWork(start, Workers(2)), range(100)))
except BaseException as error:
    print(repr(error), lanes_running(), signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
"""


@pytest.mark.parametrize(("workers", "at_once", "lanes"), [(2, 1, 2), (1, 3, 3)], ids=["two workers", "three shards at once"])
def test_computing_waits_for_writing(workers, at_once, lanes):
    done, written, ahead = [], [], []
    lock = threading.Lock()

    def compute(shard):
        with lock:
            done.append(shard)
            ahead.append(len(done) - len(written))
        return shard

    def finish(shard):
        time.sleep(0.01)
        with lock:
            written.append(shard)
        return shard

    found = list(LocalExecutor().map_shards(ShardWork(lambda: compute, Workers(workers), finish, 1, at_once=at_once), range(30)))
    assert sorted(found) == [*range(30)]
    assert max(ahead) <= local.WAITING + lanes + 1 + 1  # those that wait, one in each lane, one that is written, one being counted
    assert not lanes_running()


def test_after_an_error_no_lane_takes_another_shard_and_running_ones_are_abandoned():
    release, begun = threading.Event(), []

    def process(shard):
        begun.append(shard)
        if shard:
            raise ZeroDivisionError
        release.wait()

    started = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        list(LocalExecutor().map_shards(ShardWork(lambda: process, Workers(2)), range(50)))
    assert time.monotonic() - started < 5
    assert sorted(begun) == [0, 1]
    assert lanes_running()
    release.set()
    deadline = time.monotonic() + 10
    while lanes_running():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_consumer_that_leaves_ends_the_lanes():
    results = LocalExecutor().map_shards(ShardWork(lambda: functools.partial(pow, 2), Workers(2)), range(10_000))
    next(results)
    results.close()
    assert not lanes_running()


@pytest.mark.parametrize(
    ("number", "said"), [(signal.SIGINT, "KeyboardInterrupt() True True"), (signal.SIGTERM, "SystemExit(15) True True")]
)
def test_a_signal_ends_the_iteration_while_a_shard_runs(number, said):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = subprocess.Popen(
        [sys.executable, "-c", SLOW_COMMAND], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert command.stdout.readline() == "started\n"
    command.send_signal(number)
    out, err = command.communicate(timeout=30)
    assert said in out
    assert err == ""


def test_a_signal_while_lanes_are_started_waits_until_all_are(monkeypatch):
    """`Thread.start` waits on a condition, which an exception in its middle would leave broken: "release unlocked lock"."""
    started, handlers = [], [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    class SignalledThread(threading.Thread):
        def start(self):
            os.kill(os.getpid(), signal.SIGTERM)
            super().start()
            started.append(self)

    monkeypatch.setattr(local.threading, "Thread", SignalledThread)
    with pytest.raises(SystemExit):
        list(LocalExecutor().map_shards(ShardWork(lambda: functools.partial(pow, 2), Workers(3)), range(30)))
    assert len(started) == 3
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
