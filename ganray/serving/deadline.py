"""Deadlines: ASGI middleware that ends a request when its answer would be of no more use.

It reads X-Ganray-Timeout-Ms and X-Ganray-Priority, answers 504 at the deadline, and ends the work of a client that has gone: Starlette
itself lets a handler run to its end, whether anybody waits for it or not. An answer that has begun is sent to its end.
"""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganray.serving.alarms import Alarms
from ganray.serving.context import Priority, context_of
from ganray.serving.errors import error_reply
from ganray.serving.refusals import DeadlineExceeded, Invalid

TIMEOUT_HEADER, PRIORITY_HEADER = b"x-ganray-timeout-ms", b"x-ganray-priority"
MAX_MS = 600_000
CLIENT_HAS_GONE = 499  # of nginx; nobody reads it, but metrics and logs do not count it as a failure of the server


class Deadline:
    """Gives each request a deadline, at most `seconds` away, and a priority."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds, self._alarms = app, seconds, Alarms()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            deadline = self._read(scope)
        except Invalid as error:
            await error_reply(error)(scope, receive, send)
            return
        request = _Request(scope, receive, send)
        alarm = self._alarms.set(deadline, request.expire)
        try:
            await request.run(self._app)
        finally:
            self._alarms.take_back(alarm)

    def _read(self, scope: Scope) -> float:
        """Fill the context; returns the deadline. Raises Invalid for a header that is not understood."""
        context, seconds = context_of(scope), self._seconds
        for name, value in scope["headers"]:
            if name == TIMEOUT_HEADER:
                seconds = timeout_of(value, seconds)
            elif name == PRIORITY_HEADER:
                context.priority = priority_of(value)
        context.deadline = context.began + seconds
        return context.deadline


def timeout_of(value: bytes | None, most: float) -> float:
    """Seconds of X-Ganray-Timeout-Ms, at most `most`; `most` without it. Raises Invalid."""
    if value is None:
        return most
    if not (value.isdigit() and len(value) <= 9 and 1 <= int(value) <= MAX_MS):
        text = value[:20].decode("latin-1")
        raise Invalid(f"X-Ganray-Timeout-Ms {text!r} is no whole number of 1 to {MAX_MS}", "Give milliseconds")
    return min(most, int(value) / 1000.0)


def priority_of(value: bytes | None) -> Priority:
    """What X-Ganray-Priority says. Raises Invalid."""
    if value is None or value == b"interactive":
        return "interactive"
    if value == b"batch":
        return "batch"
    raise Invalid(f"X-Ganray-Priority {value[:20].decode('latin-1')!r} is unknown", "Use interactive or batch")


class _Request:
    """One request, whose handler ends at its deadline, or when its client has gone. It runs in the task that made it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._handler = asyncio.current_task()
        self._begun = self._left = False
        self._last_word: asyncio.Task[None] | None = None  # the answer in place of the handler's
        self._gone: asyncio.Task[None] | None = None  # ends when the client leaves

    async def run(self, app: ASGIApp) -> None:
        """Answer the request. Raises what the app does."""
        assert self._handler is not None
        try:
            await app(self._scope, self._receive_message, self._send_message)
        except asyncio.CancelledError:
            if self._last_word is None or self._handler.uncancel():  # somebody else ends this task, too: a server that stops
                raise
        else:
            if self._last_word is not None:  # it has finished in spite of that
                self._handler.uncancel()
        finally:
            if self._gone is not None:
                self._gone.cancel()
        if self._last_word is not None:
            await self._last_word
        elif self._left and not self._begun:
            await Response(status_code=CLIENT_HAS_GONE)(self._scope, self._receive, self._send)

    def expire(self) -> None:
        """The time is over. The answer does not wait for the handler: one that cannot be cancelled at once would make it late."""
        late = DeadlineExceeded("the answer was not ready at the deadline", "Allow more time, or ask for less")
        self._end(error_reply(late))

    def _end(self, answer: Response) -> None:
        if self._begun or self._handler is None:
            return
        self._begun = True
        self._last_word = asyncio.create_task(answer(self._scope, self._receive, self._send))
        self._handler.cancel()

    async def _receive_message(self) -> Message:
        """A message of the client. Once it has sent its body, somebody listens for its leaving, while the handler works."""
        if self._gone is not None:
            await asyncio.wait([self._gone])
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._gone = asyncio.create_task(self._listen())
        self._left = message["type"] == "http.disconnect"
        return message

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._end(Response(status_code=CLIENT_HAS_GONE))

    async def _send_message(self, message: Message) -> None:
        if self._last_word is None:
            self._begun = True
            await self._send(message)
