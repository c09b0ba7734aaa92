"""Runs in bad surroundings: a full disk, a store that goes away, a number that is none, another number of workers.

Each says what happened in a line, loses nothing, and goes on where it can.
"""

import os
import select
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from ganray.on_ray.train import train
from safetensors.torch import load_file

from ganray.config import TrainConfig
from ganray.errors import NonFiniteError
from ganray.runs.checkpoints import places
from ganray.storage import open_store

ROOT = Path(__file__).parents[2]
TINY = {
    "kimg": 0.192,
    "batch": 16,
    "checkpoint_kimg": 0.064,
    "log_kimg": 0.032,
    "grid_kimg": 0.096,
    "threads": 1,
    "precision": "fp32",
    "model": {"resolution": 32, "widths": (16, 16, 16), "patch": 2, "z_dim": 8, "embed_dim": 4},
    "data": {"window": 48},
}
OPTIONS = ["--kimg", "500", "--batch", "16", "--threads", "1", "--checkpoint-kimg", "0.32", "--log-kimg", "0.032", "--grid-kimg", "400"]
OPTIONS += ["--model.widths", "16,16,16", "--model.z-dim", "8", "--model.embed-dim", "4", "--data.window", "48"]
pytestmark = [pytest.mark.ray, pytest.mark.slow]


def config(catalog, out, **changes) -> TrainConfig:
    return TrainConfig.model_validate({**TINY, "catalog": catalog, "out": str(out), **changes})


def clocks(out):
    return [place.num_images for place in places(open_store(str(out)))]


def on_workers(monkeypatch, change):
    """Run `change(training.loop, rank)` in every worker before it starts."""

    def worker(told):
        import ray.train

        from ganray.on_ray import worker
        from ganray.training import loop

        change(loop, ray.train.get_context().get_world_rank())
        worker.train_worker(told)

    monkeypatch.setattr("ganray.on_ray.train.train_worker", worker)


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_a_nan_in_one_worker_s_batch_stops_all_and_is_not_kept(cluster, small_catalog, tmp_path, monkeypatch, workers):
    """In the last worker's seventh batch, after the checkpoint of 64 images; with --resume, and no NaN, the run goes on from there."""

    def change(loop, rank):
        as_they_are, taken = loop.to_float, []

        def to_float(images, channels):
            taken.append(images)
            real = as_they_are(images, channels)
            if rank == workers - 1 and len(taken) == 7:
                real[0, 0, 0, 0] = float("nan")
            return real

        loop.to_float = to_float

    with monkeypatch.context() as patch:
        on_workers(patch, change)
        with pytest.raises(NonFiniteError, match=r"became non-finite between 96 and 128 images.*Resume from the last checkpoint"):
            train(config(small_catalog, tmp_path / "m", workers=workers))
    assert clocks(tmp_path / "m") == [64]
    train(config(small_catalog, tmp_path / "m", workers=workers, resume=True))
    newest = places(open_store(str(tmp_path / "m")))[0]
    tensors = load_file(tmp_path / "m" / newest.folder / "state.safetensors")
    assert newest.num_images == 192
    assert all(tensor.isfinite().all() for tensor in tensors.values())


@pytest.mark.long
def test_another_number_of_workers_goes_on_with_the_same_batches(cluster, small_catalog, tmp_path, capfd):
    whole, changed = tmp_path / "whole", tmp_path / "changed"
    train(config(small_catalog, whole))
    train(config(small_catalog, changed, kimg=0.064, workers=2, optimizer={"decay_kimg": 0.192}))
    capfd.readouterr()
    train(config(small_catalog, changed, workers=1, optimizer={"decay_kimg": 0.192}, resume=True))
    said = capfd.readouterr().err
    assert "resuming with other settings: workers 2 -> 1" in said
    assert "resumed at 0.064 kimg" in said
    ours, theirs = (load_file(out / "model.safetensors") for out in (whole, changed))
    apart = sum((ours[name] - theirs[name]).double().square().sum() for name in ours).sqrt()
    assert apart < 0.01 * torch.stack([tensor.double().norm() for tensor in ours.values()]).norm()


class Command:
    """A shell command in a process of its own, its stderr read as it comes."""

    def __init__(self, *command, **variables):
        env = os.environ | {"PYTHONPATH": str(ROOT)} | variables
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        with self.process.stderr as said:
            self.lines.extend(said)

    def __enter__(self):
        return self

    def __exit__(self, *told):
        self.process.kill()
        self.process.wait()
        self.reader.join(timeout=30)  # its workers hold the other end as long as they live

    def hears(self, text, limit=240):
        """Wait until it has said so; gives the line."""
        deadline = time.monotonic() + limit
        while not (found := [line for line in list(self.lines) if text in line]):
            assert time.monotonic() < deadline and self.process.poll() is None, "".join(self.lines)
            time.sleep(0.1)
        return found[0]

    def interrupt(self):
        """Ctrl-C; gives the exit code."""
        self.process.send_signal(2)
        return self.process.wait(timeout=120)


def wait_for(happens, limit=240):
    deadline = time.monotonic() + limit
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.1)


FULL = """
mount -t tmpfs -o size=8m tmpfs "$1" || exit 77
(
    wait_for() { while [ ! -e "$1" ]; do kill -0 $$ || exit; sleep 0.1; done; }  # $$: the command, or nobody to wait for
    wait_for "$2/fill"
    cat /dev/zero > "$1/filler" 2> /dev/null
    wait_for "$2/room"
    rm "$1/filler"
) 2> /dev/null &
shift 2
exec "$@"
"""


def test_a_full_disk_costs_checkpoints_and_not_the_run(small_catalog, tmp_path):
    """On a small file system of its own (a mount that ends with the process), filled up and emptied while training runs."""
    disk, word = tmp_path / "disk", tmp_path / "word"
    disk.mkdir()
    word.mkdir()
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "mount", "-t", "tmpfs", "tmpfs", disk], check=False).returncode:
        pytest.skip("no mounts of one's own here")
    told = [sys.executable, str(ROOT / "jobs" / "train.py"), "--catalog", small_catalog, "--out", str(disk / "m"), *OPTIONS]
    with Command(*unshare, "sh", "-c", FULL, "sh", str(disk), str(word), *told) as command:
        root = Path(f"/proc/{command.process.pid}/root{disk}/m")  # the mount is seen by its own processes
        wait_for(lambda: places(open_store(str(root))))
        (word / "fill").touch()
        command.hears("could not be written, trying again")
        assert "the disk is full" in command.hears("could not be written, trying again")
        kept = places(open_store(str(root)))[0].num_images
        (word / "room").touch()
        command.hears("is written, after")
        wait_for(lambda: places(open_store(str(root)))[0].num_images > kept)
        assert command.interrupt() == 130


class Gate(socketserver.ThreadingTCPServer):
    """Passes connections on to a server while it is open; cuts them off while it is not."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, upstream):
        super().__init__(("127.0.0.1", 0), Passing)
        host, _, port = upstream.removeprefix("http://").partition(":")
        self.upstream, self.open = (host, int(port)), True
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Passing(socketserver.BaseRequestHandler):
    def handle(self):
        if not self.server.open:
            return
        with socket.create_connection(self.server.upstream) as there:
            ends = {self.request: there, there: self.request}
            while self.server.open:
                for end in select.select(list(ends), [], [], 0.1)[0]:
                    data = end.recv(1 << 16)
                    if not data:
                        return
                    ends[end].sendall(data)


@pytest.mark.s3
@pytest.mark.long
def test_a_store_that_goes_away_for_a_minute_costs_nothing_but_that(s3_environment, s3_url, small_catalog, tmp_path):
    """Longer than the store's own patience (15 s): the next checkpoints take each other's place until it is back."""
    with Gate(s3_environment["AWS_ENDPOINT_URL"]) as gate:
        threading.Thread(target=gate.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        told = [sys.executable, str(ROOT / "jobs" / "train.py"), "--catalog", small_catalog, "--out", f"{s3_url}/m", *OPTIONS]
        with Command(*told, **s3_environment | {"AWS_ENDPOINT_URL": gate.url}) as command:
            wait_for(lambda: clocks(f"{s3_url}/m"))
            gate.open = False
            closed = time.monotonic()
            assert "s3://" in command.hears("could not be written, trying again")
            kept = clocks(f"{s3_url}/m")[0]
            time.sleep(max(0.0, closed + 60 - time.monotonic()))
            gate.open = True
            command.hears("is written, after")
            wait_for(lambda: clocks(f"{s3_url}/m")[0] > kept)
            assert command.interrupt() == 130
        gate.shutdown()
