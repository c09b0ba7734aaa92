"""A proxy in front of an S3 server that injects faults by a plan: replies lost, calls refused, bodies cut, clients killed.

For tests and the benchmark `exactly-once`: HTTP/1.1 on loopback, the Host header passed on as it is, so that signatures stay valid.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["refuse", "cut", "lose", "short", "shrink", "kill before", "kill after"]
REFUSAL = "HTTP/1.1 {status} injected\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\r\n"
REASON = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>"


@dataclass(frozen=True)
class Call:
    """A request of a client: method, path with query, and the port that it comes from."""

    method: str
    path: str
    port: int

    @property
    def pid(self) -> int:
        """The process that made it; 0 if it is gone."""
        return process_of(self.port)


@dataclass(frozen=True)
class Fault:
    """A fault of one call.

    refuse: answered with `status` and S3's `code`, not passed on. cut: the connection ends, not passed on. lose: passed on, and the reply
    is not. short: half of the reply, then the end. shrink: half of the reply, with a matching length. kill before, kill after: `pid`
    (0: the caller) is killed (SIGKILL) before the call is passed on, or when it has been answered.
    """

    kind: Kind
    pid: int = 0
    status: int = 503
    code: str = "SlowDown"


FaultPlan = Callable[[Call], Fault | None]


class FaultProxy:
    """`with FaultProxy("http://127.0.0.1:7480") as proxy`: serves at `proxy.url`; `proxy.plan` says what happens to each call."""

    def __init__(self, upstream: str, plan: FaultPlan | None = None) -> None:
        host, _, port = upstream.removeprefix("http://").partition(":")
        self._upstream = host, int(port)
        self.plan: FaultPlan = plan or (lambda call: None)
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="faults", daemon=True)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._ready.set()
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _end(self) -> None:
        self._server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.call_later(0.1, self._loop.stop)  # after the tasks have been cancelled

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, call after call."""
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            upstream = await asyncio.open_connection(*self._upstream)
            while await self._answer(reader, writer, *upstream):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one side has closed the connection
        finally:
            for end in (writer, *([upstream[1]] if upstream else [])):
                end.close()

    async def _answer(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream_reader: asyncio.StreamReader,
        upstream_writer: asyncio.StreamWriter,
    ) -> bool:
        """One call; False where the connection ends with it."""
        head, body = await _message(reader)
        method, path = head.split(b" ", 2)[:2]
        call = Call(method.decode(), path.decode(), writer.get_extra_info("peername")[1])
        fault = self.plan(call)
        kind, pid = (fault.kind, fault.pid or call.pid) if fault else ("", 0)
        if kind == "kill before":
            _kill(pid)
        if kind in ("kill before", "cut"):
            return False
        if fault and kind == "refuse":
            writer.write(_refusal(fault, call.method))
            await writer.drain()
            return True
        upstream_writer.write(head + body)
        await upstream_writer.drain()
        head, body = await _message(upstream_reader, bodiless=call.method == "HEAD")
        if kind == "kill after":
            _kill(pid)
        if kind in ("kill after", "lose"):
            return False
        if kind == "shrink":
            body = _unchunked(head, body)
            head, body = _with_length(head, len(body) // 2), body[: len(body) // 2]
        writer.write(head + (body[: len(body) // 2] if kind == "short" else body))
        await writer.drain()
        return kind != "short"


def _refusal(fault: Fault, method: str) -> bytes:
    """The reply to a refused call; that to HEAD has no body."""
    reason = REASON.format(code=fault.code)
    head = REFUSAL.format(status=fault.status, length=len(reason))
    return (head if method == "HEAD" else head + reason).encode()


def process_of(port: int) -> int:
    """The process of this machine whose TCP connection leaves from a port of 127.0.0.1; 0 if there is none."""
    inode = ""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == "01":
            inode = f"socket:[{fields[9]}]"
    for folder in Path("/proc").glob("[0-9]*") if inode else ():
        try:
            files = list((folder / "fd").iterdir())
        except OSError:  # the process has ended, or belongs to another user
            continue
        if any(_target(file) == inode for file in files):
            return int(folder.name)
    return 0


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:  # the file has been closed
        return ""


def _kill(pid: int) -> None:
    if pid:
        os.kill(pid, signal.SIGKILL)


async def _message(reader: asyncio.StreamReader, bodiless: bool = False) -> tuple[bytes, bytes]:
    """Head and body of one HTTP message, as received."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    status = head.split(b" ", 2)[1]
    if head.startswith(b"HTTP/1.1 100"):
        return await _message(reader, bodiless)
    if bodiless or status in (b"204", b"304"):
        return head, b""
    if fields.get(b"transfer-encoding") == b"chunked":
        return head, await _chunks(reader)
    return head, await reader.readexactly(int(fields.get(b"content-length", b"0")))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while True:
        line = await reader.readline()
        size = int(line.split(b";")[0], 16)
        parts += [line, await reader.readexactly(size + 2)]
        if not size:
            return b"".join(parts)


def _unchunked(head: bytes, body: bytes) -> bytes:
    """The body without the lengths between its chunks."""
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    parts = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        parts.append(rest[:length])
        body = rest[length + 2 :]
    return b"".join(parts)


def _with_length(head: bytes, length: int) -> bytes:
    """The head with this Content-Length."""
    replaced = (b"content-length:", b"transfer-encoding:")
    lines = [line for line in head.split(b"\r\n") if line and not line.lower().startswith(replaced)]
    return b"\r\n".join([*lines, b"Content-Length: %d" % length, b"", b""])
