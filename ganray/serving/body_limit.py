"""How many bytes a request's body may have, and how many bodies of photos may be held at a time."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganray.serving.batcher import Busy
from ganray.serving.errors import TooLarge, failure


class Limit(NamedTuple):
    """Of the bodies of a path: most bytes of one, and most requests between first byte and answer (0: any number)."""

    most: int
    held: int = 0


class BodyLimit:
    """ASGI middleware that reads the body in front of the app, as far as its path's limit goes, and answers 413 to a larger one.

    Bytes are counted as they come: a chunked body does not say how many there will be. `limits` are by the end of the path, "" is for the
    others; a path whose requests are `held` to a number answers 503 beyond it, before anything is read.
    """

    def __init__(self, app: ASGIApp, limits: dict[str, Limit]) -> None:
        self._app, self._limits = app, limits
        self._held = dict.fromkeys(limits, 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI asks."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        end = next(end for end in self._limits if scope["path"].endswith(end))
        limit = self._limits[end]
        if limit.held and self._held[end] >= limit.held:
            busy = Busy(f"{self._held[end]} requests are waiting, and at most {limit.held} may", "Try again in a second, or add replicas")
            await failure(busy)(scope, receive, send)
            return
        self._held[end] += 1
        try:
            await self._read(limit.most, scope, receive, send)
        finally:
            self._held[end] -= 1

    async def _read(self, most: int, scope: Scope, receive: Receive, send: Send) -> None:
        read: deque[Message] = deque()
        size, more = 0, True
        while more:
            read.append(await receive())
            size, more = size + len(read[-1].get("body", b"")), read[-1].get("more_body", False)
            if size > most:
                refusal = TooLarge(f"the body has over {most:,} bytes", "Send one request, with no more in it than it asks for")
                await failure(refusal)(scope, receive, send)
                return

        async def again() -> Message:
            """What was read, to the app; then what comes."""
            return read.popleft() if read else await receive()

        await self._app(scope, again, send)
