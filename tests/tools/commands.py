"""Commands as a user types them, each in a process of its own, without the seconds that its imports take.

`run_command(["edit", "--source", ...])` is `ganray edit --source ...`, and a path to a file under jobs/ in the first place is
`python jobs/edit.py ...`. A server that has imported everything (`command_server.py`) forks the process; it has its own arguments,
environment, folder, streams and signals. What is read while Python or ray is imported (OMP_*, PYTHON*, RAY_DEDUP_*) is the server's:
a test of such a variable, or of the installed command itself, starts its own interpreter.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, CompletedProcess, TimeoutExpired

from tests.tools.command_server import HEADER_BYTES

ROOT = Path(__file__).parents[2]


class RunningCommand:
    """A process that was started by `start_command`; as `subprocess.Popen` in what it has, with text streams."""

    def __init__(self, argv: Sequence[str], pid: int, reply: socket.socket, streams: Sequence[int]) -> None:
        self.args, self.pid, self.returncode = list(argv), pid, None
        self._reply, self._lock = reply, threading.Lock()
        self.stdout, self.stderr = (os.fdopen(stream) if stream >= 0 else None for stream in streams)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for stream in (self.stdout, self.stderr):
            if stream:
                stream.close()
        self.wait()

    def poll(self):
        """The exit code (negative: the signal that ended it), or None while the process runs."""
        return self._exit_code(0.0)

    def wait(self, timeout=None):
        """Wait for the exit code; raises subprocess.TimeoutExpired."""
        if (code := self._exit_code(timeout)) is None:
            raise TimeoutExpired(self.args, timeout)
        return code

    def communicate(self, timeout=None):
        """(stdout, stderr) to their ends, and wait; raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        texts: list[str | None] = [None, None]

        def read(place, stream):
            texts[place] = stream.read()

        streams = [(place, stream) for place, stream in enumerate((self.stdout, self.stderr)) if stream and not stream.closed]
        readers = [threading.Thread(target=read, args=pair, daemon=True) for pair in streams]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if reader.is_alive():
                raise TimeoutExpired(self.args, timeout)
        for _, stream in streams:
            stream.close()
        self.wait(None if deadline is None else max(0.1, deadline - time.monotonic()))
        return tuple(texts)

    def send_signal(self, number):
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(15)

    def kill(self):
        self.send_signal(9)

    def _exit_code(self, timeout):
        with self._lock:
            if self.returncode is None:
                self._reply.settimeout(timeout)
                try:
                    self.returncode = int.from_bytes(self._reply.recv(HEADER_BYTES), "little", signed=True)
                except (TimeoutError, BlockingIOError):
                    return None
                self._reply.close()
            return self.returncode


def start_command(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    stdout: int | None = PIPE,
    stderr: int | None = PIPE,
    start_new_session: bool = False,
) -> RunningCommand:
    """Start a command; `env` and `cwd` are the test's own if they are not given, and stdin is empty."""
    words = [str(word) for word in argv]
    first = [] if words[0].endswith(".py") else ["ganray"]
    request = {
        "argv": [*first, *words],
        "env": dict(os.environ if env is None else env),
        "cwd": str(cwd or Path.cwd()),
        "new_session": start_new_session,
    }
    ours, theirs = socket.socketpair()
    stdin = os.open(os.devnull, os.O_RDONLY)
    out_read, out_write = _output(stdout, 1)
    error_read, error_write = (-1, os.dup(out_write)) if stderr == STDOUT else _output(stderr, 2)
    streams = [stdin, out_write, error_write]
    _server().send(request, [*streams, theirs.fileno()])
    for stream in streams:
        os.close(stream)
    theirs.close()
    return RunningCommand(words, int.from_bytes(ours.recv(HEADER_BYTES), "little"), ours, (out_read, error_read))


def _output(option: int | None, inherited: int) -> tuple[int, int]:
    """(the test's end, -1 where it reads nothing; the command's end) of an output stream."""
    if option == PIPE:
        return os.pipe()
    return -1, os.open(os.devnull, os.O_WRONLY) if option == DEVNULL else os.dup(inherited)


def run_command(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    timeout: float = 300.0,
) -> CompletedProcess[str]:
    """Run a command to its end; its exit code, stdout and stderr. Killed where it takes longer than `timeout` seconds."""
    with start_command(argv, env=env, cwd=cwd) as process:
        try:
            out, error = process.communicate(timeout)
        except BaseException:
            process.kill()
            raise
    return CompletedProcess(process.args, process.returncode, out, error)


class ForkServer:
    """The client's end of a module that serves by `command_server.serve`; it ends, with what it has forked, when it is closed."""

    def __init__(self, module: str, **variables: str) -> None:
        self._control, theirs = socket.socketpair()
        self._lock = threading.Lock()
        command = [sys.executable, "-m", module, str(theirs.fileno())]
        self._process = subprocess.Popen(command, cwd=ROOT, env=os.environ | variables, pass_fds=[theirs.fileno()], stdin=DEVNULL)
        theirs.close()
        atexit.register(self.close)

    def send(self, request: dict, descriptors: list[int]) -> None:
        body = json.dumps(request).encode()
        with self._lock:
            socket.send_fds(self._control, [len(body).to_bytes(HEADER_BYTES, "little")], descriptors)
            self._control.sendall(body)

    def close(self) -> None:
        self._control.close()
        self._process.wait()


@cache
def _server() -> ForkServer:
    return ForkServer("tests.tools.command_server")
