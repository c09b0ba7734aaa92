"""Small work for executors; in a module of its own, so that workers of a cluster can import it."""

import functools
import os
import threading
import time
from pathlib import Path

import pyarrow as pa

from ganray.errors import StorageError, StoreUnavailable
from ganray.execution.port import ShardWork, Workers


class Squares:
    """A worker: it notes its start as a file, and squares numbers; `bad` is the shard that fails with `error`."""

    def __init__(self, folder, bad=None, error=None):
        self.folder, self.bad, self.error = Path(folder), bad, error
        self.id = f"{os.getpid()}-{threading.get_ident()}"
        (self.folder / f"start-{self.id}").touch()

    def __call__(self, shard):
        (self.folder / f"shard-{shard}").touch()
        if shard == self.bad:
            raise self.error
        return pa.table({"shard": [shard], "square": [shard * shard]})


def root(table):
    """Finish a table: (shard, its square) as a plain value."""
    return table["shard"][0].as_py(), table["square"][0].as_py()


def bad_root(table):
    raise StorageError("the finisher failed", "Try again")


def plain(folder, shard):
    (Path(folder) / f"shard-{shard}").touch()
    return shard, shard * shard


def start_plain(folder):
    return functools.partial(plain, folder)


def start_when_store_is_back(folder, failures):
    """Fails that often over all workers, as a store that does not answer."""
    for number in range(failures):
        try:
            (Path(folder) / f"away-{number}").touch(exist_ok=False)
        except FileExistsError:
            continue
        raise StoreUnavailable("s3://b: no answer", "Check the network")
    return functools.partial(plain, folder)


def refuse():
    raise StorageError("no worker starts", "Try again")


def fail_fourth(shard):
    if shard == 4:
        raise StorageError("shard 4 is bad", "Try again")
    return pa.table({"shard": [shard], "square": [shard * shard]})


def start_bad():
    return fail_fourth


def count_up(num):
    for number in range(num):
        yield {"number": number}
    raise StorageError("the stream broke", "Try again")


class AtOnce:
    """A worker that counts how many shards it does at the same time."""

    def __init__(self, folder):
        self.lock, self.now = threading.Lock(), 0
        (Path(folder) / f"start-{os.getpid()}-{threading.get_ident()}").touch()

    def __call__(self, shard):
        with self.lock:
            self.now += 1
            at_once = self.now
        time.sleep(0.1)
        with self.lock:
            self.now -= 1
        return pa.table({"shard": [shard], "square": [at_once]})


def squares(folder, num=2, finish=root, finishers=2, **options):
    return ShardWork(functools.partial(Squares, str(folder), **options), Workers(num), finish, finishers)


def mortal(folder, bad, times, shard):
    """Squares a number; a bad one ends the process, as often as `times`."""
    marks = Path(folder)
    if shard in bad and len(list(marks.glob(f"death-{shard}-*"))) < times:
        (marks / f"death-{shard}-{os.getpid()}").touch()
        os._exit(1)
    return pa.table({"shard": [shard], "square": [shard * shard]})


def start_mortal(folder, bad, times):
    return functools.partial(mortal, folder, bad, times)


def wait_for(path):
    """Until there is such a file."""
    while not Path(path).exists():
        time.sleep(0.05)


def die():
    os._exit(1)


def square_on(folder, shard):
    """Squares a number, when workers have started on two nodes; of all but the first few, on a third one."""
    deadline = time.monotonic() + 120
    while len(list(Path(folder).glob("start-*"))) < (2 if shard < 4 else 3) and time.monotonic() < deadline:
        time.sleep(0.05)
    return pa.table({"shard": [shard], "square": [shard * shard]})


def start_on(folder):
    """A worker that notes on which node it runs."""
    import ray

    (Path(folder) / f"start-{os.getpid()}").write_text(ray.get_runtime_context().get_node_id())
    return functools.partial(square_on, folder)


def note_place(folder, kind):
    """Write down on which node this process runs, and which GPU it sees."""
    import ray

    place = f"{ray.get_runtime_context().get_node_id()} {os.environ.get('CUDA_VISIBLE_DEVICES', '')}"
    (Path(folder) / f"{kind}-{os.getpid()}").write_text(place)


def slow_square(seconds, shard):
    time.sleep(seconds)
    return shard, shard * shard


def start_noting(folder, seconds):
    """A worker that notes its place, and takes some seconds for a shard."""
    note_place(folder, "worker")
    return functools.partial(slow_square, seconds)


def finish_noting(folder, made):
    note_place(folder, "finisher")
    return made
