"""Commands in bad surroundings: a full disk, a store that goes away. Where the worker is does not matter: it writes the checkpoints.

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

from ganray.runs.checkpoints import places
from ganray.storage import open_store
from tests.tools.runs import checkpoints

ROOT = Path(__file__).parents[2]
OPTIONS = ["--executor", "local", "--kimg", "500", "--batch", "16", "--threads", "1", "--checkpoint-kimg", "0.32", "--log-kimg", "0.032"]
OPTIONS += ["--grid-kimg", "400", "--model.widths", "16,16,16", "--model.z-dim", "8", "--model.embed-dim", "4", "--data.window", "48"]
OPTIONS += ["--score.kimg", "0"]
pytestmark = pytest.mark.slow


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
