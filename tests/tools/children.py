"""The decoder processes of `ganray.images.sandbox` without the seconds that their imports take.

What a test starts by `Popen` of this module is the product's own child, in a process of its own with its own environment, pipes and caps;
but the process is forked from one that has made the imports, as `commands.py` does it for commands. `tests/images/test_sandbox.py` starts
children as a user's process does.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import threading
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, PIPE

from tests.tools.command_server import HEADER_BYTES, serve
from tests.tools.commands import ForkServer

PRELOADED = ("images.untrusted", "catalog.cleaning", "bulk.profile_filter", "profiles.checking")


@contextmanager
def forked_children():
    """For a while, decoders that this process starts are forked."""
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganray.images.sandbox.subprocess", sys.modules[__name__])
        yield


class Popen:
    """`subprocess.Popen`, in what the sandbox uses of it."""

    def __init__(self, command, stdin, stdout, stderr, env, bufsize):
        assert (command[1:3], stdin, stdout, stderr, bufsize) == (["-m", "ganray.images.sandbox"], PIPE, PIPE, DEVNULL, 0)
        self.args, self.returncode, self._lock = command, None, threading.Lock()
        self._reply, theirs = socket.socketpair()
        (read, write), (out_read, out_write), null = os.pipe(), os.pipe(), os.open(os.devnull, os.O_WRONLY)
        request = {"argv": command[2:], "env": env, "cwd": str(Path.cwd()), "new_session": False}
        _server().send(request, [read, out_write, null, theirs.fileno()])
        for end in (read, out_write, null):
            os.close(end)
        theirs.close()
        self.pid = int.from_bytes(self._reply.recv(HEADER_BYTES), "little")
        self.stdin, self.stdout = os.fdopen(write, "wb", 0), os.fdopen(out_read, "rb", 0)

    def wait(self, flags=0):
        """The exit code (negative: the signal that ended it)."""
        with self._lock:
            if self.returncode is None:
                self.returncode = int.from_bytes(self._reply.recv(HEADER_BYTES, flags), "little", signed=True)
                self._reply.close()
            return self.returncode

    def kill(self):
        try:
            self.wait(socket.MSG_DONTWAIT)
        except BlockingIOError:  # it runs
            os.kill(self.pid, signal.SIGKILL)

    def communicate(self):
        self.stdin.close()
        self.stdout.close()
        self.wait()


@cache
def _server():
    return ForkServer("tests.tools.children", OPENBLAS_NUM_THREADS="1")


def main():
    """Serve on the socket whose number is the only argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in PRELOADED:
        importlib.import_module(f"ganray.{name}")
    sandbox = importlib.import_module("ganray.images.sandbox")
    if serve(socket.socket(fileno=int(sys.argv[1]))):
        sandbox._main()
        os._exit(0)


if __name__ == "__main__":
    main()
