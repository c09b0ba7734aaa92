"""Commands in bad surroundings: a full disk, a store that goes away. Where the worker is does not matter: it writes the checkpoints.

Each says what happened in a line, loses nothing, and goes on where it can.
"""

import os
import select
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from tests.tools.commands import start_command
from tests.tools.runs import checkpoints

ROOT = Path(__file__).parents[2]
OPTIONS = ["--executor", "local", "--kimg", "500", "--batch", "16", "--threads", "1", "--checkpoint-kimg", "0.32", "--log-kimg", "0.032"]
OPTIONS += ["--grid-kimg", "400", "--model.widths", "8,8,8", "--model.z-dim", "8", "--model.embed-dim", "4", "--data.window", "48"]
OPTIONS += ["--score.kimg", "0"]
pytestmark = pytest.mark.slow


class Command:
    """`jobs/train.py` in a process of its own, its stderr read as it comes."""

    def __init__(self, *arguments, **variables):
        self.process = start_command([ROOT / "jobs" / "train.py", *arguments], env=os.environ | variables, stdout=subprocess.DEVNULL)
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
            time.sleep(0.05)
        return found[0]

    def interrupt(self):
        """Ctrl-C; gives the exit code."""
        self.process.send_signal(2)
        return self.process.wait(timeout=120)


def wait_for(happens, limit=240):
    deadline = time.monotonic() + limit
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def small_disk():
    """An empty file system of 4 MiB, a mount of a process of its own: through its root others see it, and with it it ends."""
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    mount = 'mount -t tmpfs -o size=4m tmpfs "$1" && echo mounted && cat'
    with tempfile.TemporaryDirectory() as folder:
        try:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            holder = subprocess.Popen([*unshare, "sh", "-c", mount, "sh", folder], **pipes)
        except FileNotFoundError:
            pytest.skip("no unshare here")
        with holder:
            if holder.stdout.readline() != b"mounted\n":
                pytest.skip("no mounts of one's own here")
            yield Path(f"/proc/{holder.pid}/root{folder}")


def test_a_full_disk_costs_checkpoints_and_not_the_run(small_catalog, small_disk):
    """Filled up and emptied while training runs."""
    out, filler = small_disk / "m", small_disk / "filler"
    with Command("--catalog", small_catalog, "--out", str(out), *OPTIONS) as command:
        wait_for(lambda: checkpoints(out))
        with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        assert "the disk is full" in command.hears("could not be written, trying again")
        kept = checkpoints(out)[0]
        filler.unlink()
        command.hears("is written, after")
        wait_for(lambda: checkpoints(out)[0] > kept)
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
        told = ["--catalog", small_catalog, "--out", f"{s3_url}/m", *OPTIONS]
        with Command(*told, **s3_environment | {"AWS_ENDPOINT_URL": gate.url}) as command:
            wait_for(lambda: checkpoints(f"{s3_url}/m"))
            gate.open = False
            closed = time.monotonic()
            assert "s3://" in command.hears("could not be written, trying again")
            kept = checkpoints(f"{s3_url}/m")[0]
            time.sleep(max(0.0, closed + 60 - time.monotonic()))
            gate.open = True
            command.hears("is written, after")
            wait_for(lambda: checkpoints(f"{s3_url}/m")[0] > kept)
            assert command.interrupt() == 130
        gate.shutdown()
