"""Limits on the size of a request body, and on the number of requests in progress."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganray.serving.context import context_of
from ganray.serving.errors import error_reply
from ganray.serving.refusals import Busy, TooLarge, TooSlow


class Limit(NamedTuple):
    """The limits of a path: bytes of a body, and requests in progress (0: unlimited)."""

    max_bytes: int
    max_requests: int = 0


class BodyLimit:
    """ASGI middleware that reads the body up to the limit of its path before the app does, and replies 413 to a larger one.

    Bytes are counted while they arrive, as a chunked body has no Content-Length. `limits`: suffix of the path -> Limit; "" is the default.
    Beyond `max_requests` the reply is 503, before the body is read. A body that has not come within `seconds` is answered 408: a client
    that sends a byte a minute would hold its place for ever.
    """

    def __init__(self, app: ASGIApp, limits: dict[str, Limit], seconds: float = 60.0) -> None:
        self._app, self._limits, self._seconds = app, limits, seconds
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
        try:
            async with asyncio.timeout(self._seconds):
                messages = await _body(receive, max_bytes)
        except TimeoutError:
            slow = TooSlow(f"the body did not arrive within {self._seconds:g} s", "Send it faster, or a smaller one")
            await error_reply(slow)(scope, receive, send)
            return
        except TooLarge as error:
            await error_reply(error)(scope, receive, send)
            return
        if messages is None:
            return

        context_of(scope).bytes_in = sum(len(message.get("body", b"")) for message in messages)

        async def replay() -> Message:
            """The messages already read, then new ones."""
            return messages.popleft() if messages else await receive()

        await self._app(scope, replay, send)


async def _body(receive: Receive, max_bytes: int) -> deque[Message] | None:
    """The messages of a body; None where the client left in its middle. Raises TooLarge."""
    messages: deque[Message] = deque()
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        messages.append(message)
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        if size > max_bytes:
            raise TooLarge(f"the body has over {max_bytes:,} bytes", "Send a smaller body, with one request")
    return messages
