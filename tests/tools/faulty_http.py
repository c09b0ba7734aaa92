"""HTTP servers on real sockets that fail as told: an ASGI app behind uvicorn with faults in front of it, and one that sends given bytes."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator

import uvicorn

PROXY_PAGE = b"<html><h1>upstream</h1></html>"
# name: status, headers, body, bytes that Content-Length promises beyond the body
FAULTS: dict[str, tuple[int, list[tuple[bytes, bytes]], bytes, int]] = {
    "cut": (200, [(b"content-type", b"image/png")], b"\x89PNG", 5000),
    "429": (429, [], b'{"error": "rate_limited", "message": "m", "remedy": "r"}', 0),
    "500": (500, [], PROXY_PAGE, 0),
    "502": (502, [], PROXY_PAGE, 0),
    "503": (503, [], b'{"error": "busy", "message": "m", "remedy": "r"}', 0),
    "503 in 0 s": (503, [(b"retry-after", b"0")], b"", 0),
    "504": (504, [], b"", 0),
}


class FaultyApp:
    """Answers the next requests with `faults`, and those after them with `app`. `seen` has (scope, body) of every request."""

    def __init__(self, app) -> None:
        self.app, self.faults, self.seen = app, list[str](), list[tuple[dict, bytes]]()

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.seen.append((scope, body))
        if self.faults:
            status, headers, content, missing = FAULTS[self.faults.pop(0)]
            length = (b"content-length", str(len(content) + missing).encode())
            await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
            await send({"type": "http.response.body", "body": content, "more_body": bool(missing)})
            return  # short of what it has promised: uvicorn cuts the connection
        messages = [{"type": "http.request", "body": body}]

        async def replay():
            return messages.pop() if messages else await receive()

        await self.app(scope, replay, send)

    def headers(self, name: str) -> list[str]:
        """A header of every request seen; "" where one has none."""
        return [dict(scope["headers"]).get(name.encode(), b"").decode() for scope, _ in self.seen]


@contextlib.contextmanager
def listening(app, port: int = 0) -> Iterator[str]:
    """The URL of an ASGI app behind uvicorn."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + 30
        while not server.started:
            assert thread.is_alive() and time.monotonic() < until
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def sending(*scripts: bytes | tuple[float, bytes]) -> Iterator[str]:
    """The URL of a server that reads one request a connection, sends the next script and closes. (seconds, bytes) is sent byte by byte."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for script in scripts:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                _read_request(connection)
                pause, data = script if isinstance(script, tuple) else (0.0, script)
                for part in [data] if not pause else [data[i : i + 1] for i in range(len(data))]:
                    connection.sendall(part)
                    time.sleep(pause)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # ends an accept
        listener.close()
        thread.join()


def _read_request(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.I)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
