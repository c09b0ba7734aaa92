import os
import signal
import time

import pytest

from ganray.errors import ClusterError, ImageError
from ganray.images import sandbox
from ganray.images.sandbox import ENVIRONMENT, Sandbox

CHILD = """
import os, time
from ganray.errors import ImageError

def work(data, suffix):
    what = data.decode()
    if what == "bad": raise ImageError("corrupt", "it is bad", "make it good")
    if what == "exit": os._exit(3)
    if what == "segfault": os.kill(os.getpid(), 11)
    if what == "hang": time.sleep(600)
    if what == "slow": time.sleep(0.01)
    if what == "killed": os.kill(os.getpid(), 9)
    if what == "killed once":
        try: os.close(os.open("died", os.O_RDONLY))
        except FileNotFoundError: time.sleep(60)
    if what == "spin":
        while True: pass
    if what == "write": os.write(os.open("stolen", os.O_CREAT | os.O_WRONLY), b"x")
    if what == "memory": return bytes(bytearray(8 << 30)), {}
    if what == "print": os.write(1, b"noise")
    if what == "environment": return " ".join(os.environ).encode(), {}
    return (what + suffix).encode(), {"length": len(data)}
"""


@pytest.fixture
def child(tmp_path, monkeypatch):
    (tmp_path / "childs_work.py").write_text(CHILD)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def start(**options):
        return Sandbox("childs_work:work", {"suffix": "!"}, **options)

    return start


def shown(result) -> str:
    return result.reason if isinstance(result, ImageError) else result[0].decode()


def test_results_come_in_order_and_errors_cross_over(child):
    with child() as box:
        first, second, third = box.map([b"a", b"bad", b""])
        assert first == (b"a!", {"length": 1})
        assert (second.reason, second.message, second.remedy) == ("corrupt", "it is bad", "make it good")
        assert third == (b"!", {"length": 0})
        assert list(box.map([])) == []
        assert shown(*box.map([b"print"])) == "print!"


def test_large_batches_do_not_jam(child):
    batch = [bytes([65 + i % 26]) * 300_000 for i in range(20)]
    with child() as box:
        assert [result[0] for result in box.map(batch)] == [data + b"!" for data in batch]


@pytest.mark.parametrize(
    ("poison", "reason"), [("exit", "crashed"), ("segfault", "crashed"), ("hang", "timeout"), ("memory", "crashed"), ("write", "crashed")]
)
def test_poison_costs_one_result_and_nothing_else(child, poison, reason, tmp_path):
    with child(wall_seconds=2.0 if poison == "hang" else 60.0) as box:
        results = list(box.map([b"a", poison.encode(), b"b", poison.encode(), b"c"]))
        assert [shown(result) for result in results] == ["a!", reason, "b!", reason, "c!"]
    assert not (tmp_path / "stolen").exists() or (tmp_path / "stolen").stat().st_size == 0


def test_poison_in_a_long_batch_costs_one_result_wherever_it_stands(child):
    batch = [str(place).encode() for place in range(20)]
    batch[5] = batch[11] = batch[12] = batch[19] = b"exit"
    with child() as box:
        assert [shown(result) for result in box.map(batch)] == ["crashed" if data == b"exit" else f"{data.decode()}!" for data in batch]


@pytest.mark.parametrize("pipe_bytes", [1 << 20, 1 << 16])
def test_a_parent_pauses_only_where_the_pipe_holds_what_comes_meanwhile(child, monkeypatch, pipe_bytes):
    pauses = []
    monkeypatch.setattr(sandbox.time, "sleep", pauses.append)
    monkeypatch.setattr(sandbox.fcntl, "F_GETPIPE_SZ", -1)
    fcntl = sandbox.fcntl.fcntl
    monkeypatch.setattr(sandbox.fcntl, "fcntl", lambda file, what, *rest: pipe_bytes if what == -1 else fcntl(file, what, *rest))
    with child() as box:
        assert len(list(box.map([b"a" * 100_000] * 20))) == 20
        assert not pauses
        assert len(list(box.map([b"slow"] * 30))) == 30
    assert bool(pauses) == (pipe_bytes == 1 << 20)


def test_an_image_whose_child_is_killed_always_costs_one_result(child):
    with child() as box:
        assert [shown(result) for result in box.map([b"a", b"killed", b"b", b"killed"])] == ["a!", "crashed", "b!", "crashed"]


def test_an_image_whose_child_was_killed_from_outside_is_done_again(child, tmp_path):
    with child() as box:
        results = box.map([b"a", b"killed once", b"b"])
        assert shown(next(results)) == "a!"
        (tmp_path / "died").touch()
        box._child.kill()
        assert [shown(result) for result in results] == ["killed once!", "b!"]


def test_the_kernel_ends_endless_work(child):
    with child(cpu_seconds=1) as box:
        assert [shown(result) for result in box.map([b"spin", b"a"])] == ["timeout", "a!"]


def test_answers_nobody_read_do_not_turn_up_later(child):
    with child() as box:
        first = box.map([b"a", b"b", b"c"])
        assert shown(next(first)) == "a!"
        first.close()
        assert [shown(result) for result in box.map([b"d"])] == ["d!"]


def test_the_child_does_not_inherit_credentials(child, monkeypatch):
    for name in ("AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "RAY_AUTH_TOKEN", "A_TOKEN_OF_TOMORROW"):
        monkeypatch.setenv(name, "secret")
    with child() as box:
        names = next(iter(box.map([b"environment"])))[0].decode().split()
    assert "PATH" in names
    assert set(names) <= {*ENVIRONMENT, "PYTHONPATH", "OPENBLAS_NUM_THREADS"}


def test_a_child_that_cannot_start_is_one_clear_error():
    with pytest.raises(ClusterError, match="decoder does not start"), Sandbox("no_such_module:work", {}) as box:
        list(box.map([b"a"]))


def test_a_fork_of_the_process_leaves_the_child_alone_and_does_not_wait_for_it(child):
    """As when a thread held the sandbox: in the fork that thread is gone, and the sandbox is collected."""
    with child() as box:
        assert shown(*box.map([b"a"])) == "a!"
        fork = os.fork()
        if not fork:
            box.close()
            os._exit(7)
        until = time.monotonic() + 20
        while (ended := os.waitpid(fork, os.WNOHANG)) == (0, 0) and time.monotonic() < until:
            time.sleep(0.01)
        if ended == (0, 0):
            os.kill(fork, signal.SIGKILL)
            os.waitpid(fork, 0)
        assert os.waitstatus_to_exitcode(ended[1]) == 7 and ended[0] == fork
        assert shown(*box.map([b"b"])) == "b!"
