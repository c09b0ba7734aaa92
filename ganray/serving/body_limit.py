"""Limits on the size of a request body, and on the number of requests in progress."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganray.serving.errors import error_reply
from ganray.serving.refusals import Busy, TooLarge


class Limit(NamedTuple):
    """The limits of a path: bytes of a body, and requests in progress (0: unlimited)."""

    max_bytes: int
    max_requests: int = 0


class BodyLimit:
    """ASGI middleware that reads the body up to the limit of its path before the app does, and replies 413 to a larger one.

    Bytes are counted while they arrive, as a chunked body has no Content-Length. `limits`: suffix of the path -> Limit; "" is the default.
    Beyond `max_requests` the reply is 503, before the body is read.
    """

    def __init__(self, app: ASGIApp, limits: dict[str, Limit]) -> None:
        self._app, self._limits = app, limits
        self._in_progress = dict.fromkeys(limits, 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        suffix = next(suffix for suffix in self._limits if scope["path"].endswith(suffix))
        limit = self._limits[suffix]
        if limit.max_requests and self._in_progress[suffix] >= limit.max_requests:
            busy = Busy(f"the queue is full: {limit.max_requests} requests are in progress", "Retry in a second, or add replicas")
            await error_reply(busy)(scope, receive, send)
            return
        self._in_progress[suffix] += 1
        try:
            await self._read(limit.max_bytes, scope, receive, send)
        finally:
            self._in_progress[suffix] -= 1

    async def _read(self, max_bytes: int, scope: Scope, receive: Receive, send: Send) -> None:
        messages: deque[Message] = deque()
        size, more = 0, True
        while more:
            messages.append(await receive())
            size, more = size + len(messages[-1].get("body", b"")), messages[-1].get("more_body", False)
            if size > max_bytes:
                too_large = TooLarge(f"the body has over {max_bytes:,} bytes", "Send a smaller body, with one request")
                await error_reply(too_large)(scope, receive, send)
                return

        async def replay() -> Message:
            """The messages already read, then new ones."""
            return messages.popleft() if messages else await receive()

        await self._app(scope, replay, send)
