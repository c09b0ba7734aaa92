"""A process that has imported what every verb needs, and forks a process for each command: started by `commands.py`, never by hand.

At the time of a fork it has no threads but those of libraries that are safe to fork (OpenBLAS and jemalloc stop theirs), it has not
started Ray and has computed nothing with torch. The forked process is the interpreter's own to its end: exit code, atexit handlers,
a traceback on stderr and death by a signal are those of `python -m ganray`.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
from typing import Any

HEADER_BYTES = 8


def preload() -> None:
    """Import every verb with what it needs, under the environment that `ganray.cli.main` sets before."""
    from ganray import cli, settings
    from ganray.commands import VERBS

    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = cli.RAY_MESSAGES
    for verb in VERBS.values():
        verb.load_config()
        verb.load_function()
    assert settings
    gc.collect()
    gc.freeze()


def serve(control: socket.socket) -> dict[str, Any] | None:
    """Fork a process for each request. Returns the request in the forked process, and None in the server when `control` is closed."""
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        children: dict[int, tuple[int, socket.socket]] = {}  # pidfd: process, where its exit code is reported
        while True:
            for key, _ in selector.select():
                if key.fd != control.fileno():
                    selector.unregister(key.fd)
                    _report(key.fd, *children.pop(key.fd))
                elif not (received := _receive(control)):
                    _end_all(children)
                    return None
                else:
                    request, streams, reply = received
                    if not (process := os.fork()):
                        _become(request, streams, [control, reply, *(socket for _, socket in children.values())], list(children))
                        return request
                    for stream in streams:
                        os.close(stream)
                    reply.sendall(process.to_bytes(HEADER_BYTES, "little"))
                    pidfd = os.pidfd_open(process)
                    children[pidfd] = process, reply
                    selector.register(pidfd, selectors.EVENT_READ)


def _receive(control: socket.socket) -> tuple[dict[str, Any], list[int], socket.socket] | None:
    """A request, its three standard streams and the socket for the answer; None where the other side has closed."""
    header, descriptors, _, _ = socket.recv_fds(control, HEADER_BYTES, 4)
    if not header:
        return None
    *streams, reply = descriptors
    length, body = int.from_bytes(header, "little"), b""
    while len(body) < length:
        body += control.recv(length - len(body))
    return json.loads(body), streams, socket.socket(fileno=reply)


def _report(pidfd: int, process: int, reply: socket.socket) -> None:
    """Reap an ended process and send its exit code (negative: the signal that ended it)."""
    os.close(pidfd)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    with contextlib.suppress(OSError):  # nobody waits for it any more
        reply.sendall(code.to_bytes(HEADER_BYTES, "little", signed=True))
    reply.close()


def _end_all(children: dict[int, tuple[int, socket.socket]]) -> None:
    for process, _ in children.values():
        os.kill(process, signal.SIGKILL)


def _become(request: dict[str, Any], streams: list[int], sockets: list[socket.socket], pidfds: list[int]) -> None:
    """Make the forked process what the request asks for: session, streams, folder, environment, signals, arguments."""
    if request["new_session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    for each in sockets:
        each.close()
    for pidfd in pidfds:
        os.close(pidfd)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = request["argv"]


def run() -> None:
    """Run the command of `sys.argv`, then end the process as the interpreter does, but without taking every imported module apart."""
    from ganray.cli import entry

    code = 0
    try:
        if sys.argv[0].endswith(".py"):
            runpy.run_path(sys.argv[0], run_name="__main__")
        else:
            entry()
    except SystemExit as end:
        code = int(end.code or 0)
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Serve on the socket whose number is the only argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is for the tests and for the commands
    preload()
    if serve(socket.socket(fileno=int(sys.argv[1]))):
        run()


if __name__ == "__main__":
    main()
