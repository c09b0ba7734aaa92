"""Deadlines: ASGI middleware that ends a request when its answer would be of no more use.

It reads X-Ganray-Timeout-Ms and X-Ganray-Priority, answers 504 at the deadline, and ends the work of a client that has gone: Starlette
itself lets a handler run to its end, whether anybody waits for it or not.
"""

from __future__ import annotations

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganray.serving.context import context_of
from ganray.serving.errors import error_reply
from ganray.serving.refusals import DeadlineExceeded, Invalid

TIMEOUT_HEADER, PRIORITY_HEADER = b"x-ganray-timeout-ms", b"x-ganray-priority"
MAX_MS = 600_000


class Deadline:
    """Gives each request a deadline, at most `seconds` away, and a priority."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._read(scope)
        except Invalid as error:
            await error_reply(error)(scope, receive, send)
            return
        await _Watched(self._app, scope, receive, send).run()

    def _read(self, scope: Scope) -> None:
        context, seconds = context_of(scope), self._seconds
        for name, value in scope["headers"]:
            if name == TIMEOUT_HEADER:
                if not (value.isdigit() and len(value) < 10 and 1 <= int(value) <= MAX_MS):
                    raise Invalid(f"X-Ganray-Timeout-Ms {value[:20]!r} is no whole number of 1 to {MAX_MS}", "Give milliseconds")
                seconds = min(seconds, int(value) / 1000.0)
            elif name == PRIORITY_HEADER:
                if value not in (b"interactive", b"batch"):
                    raise Invalid(f"X-Ganray-Priority {value[:20]!r} is unknown", "Use interactive or batch")
                context.priority = "batch" if value == b"batch" else "interactive"
        context.deadline = context.began + seconds


class _Watched:
    """One request, whose handler ends at its deadline, or when its client has gone."""

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self._app, self._scope, self._receive, self._send = app, scope, receive, send
        self._begun = self._late = self._left = False
        self._handler: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Answer the request. Raises what the app does."""
        deadline = context_of(self._scope).deadline or 0.0
        loop = asyncio.get_running_loop()
        self._handler = asyncio.current_task()
        timer = loop.call_later(max(0.0, deadline - time.monotonic()), self._expire)
        try:
            await self._app(self._scope, self._receive_message, self._send_message)
        except asyncio.CancelledError:
            if not self._late and not self._left:
                raise
            assert self._handler is not None
            self._handler.uncancel()
            if self._late and not self._begun:
                late = DeadlineExceeded("the answer was not ready at the deadline", "Allow more time, or ask for less")
                await error_reply(late)(self._scope, self._receive, self._send)
        finally:
            timer.cancel()
            if self._listener is not None:
                self._listener.cancel()

    def _expire(self) -> None:
        if not self._begun and self._handler is not None:
            self._late = True
            self._handler.cancel()

    async def _receive_message(self) -> Message:
        """A message of the client; behind the last of the body somebody listens for its leaving."""
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False) and self._listener is None:
            self._listener = asyncio.create_task(self._listen())
        return message

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._handler is not None and not self._begun:
            self._left = True
            self._handler.cancel()

    async def _send_message(self, message: Message) -> None:
        self._begun = True
        await self._send(message)
