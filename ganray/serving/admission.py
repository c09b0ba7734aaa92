"""Admission: ASGI middleware that refuses what the queue would refuse anyway, before all else that a request costs.

What stands between it and the queue takes several times as long: a server that is asked four times what it can draw would spend its time on
refusals, and each of them would be late. Where the event loop itself is late, requests wait in their sockets and the queue is empty: then
its lateness decides, if it lasts.
"""

from __future__ import annotations

from collections import Counter
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from ganray.serving.context import Caller, RequestContext, context_of
from ganray.serving.deadline import PRIORITY_HEADER, TIMEOUT_HEADER, priority_of, timeout_of
from ganray.serving.errors import error_reply
from ganray.serving.loop_lag import LoopLag
from ganray.serving.models import Models
from ganray.serving.observing import HEADER, Answer, Observer
from ganray.serving.refusals import Busy, Refusal
from ganray.serving.services import Services

PATH = "/v1/generate"
MOST_LAG = 0.1  # seconds that the event loop may be late
ANYBODY = Caller()


class Admission:
    """Answers 503 and 504 in place of the batcher, for requests of one image or more. The outermost middleware; all else goes on.

    So does a request that names a tag it has (If-None-Match): its answer may need no picture.
    """

    def __init__(self, app: ASGIApp, models: Models, services: Services, observer: Observer, seconds: float) -> None:
        """A request without a deadline of its own has one in `seconds`."""
        self._app, self._models, self._services, self._observer, self._seconds = app, models, services, observer, seconds
        self._lag = LoopLag()
        self._inside = Counter[bytes]()  # requests under way, by what they have for a key: bytes, as nothing is to be looked up for them

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context, lag = context_of(scope), self._lag.seconds()
        context.began -= lag
        if scope["method"] == "POST" and scope["path"].endswith(PATH):
            try:
                self._check(scope, context, lag)
            except Refusal as refusal:
                await self._refuse(refusal, context, scope, receive, send)
                return
        credentials = _credentials(dict(scope["headers"]))
        self._inside[credentials] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside[credentials] -= 1
            if not self._inside[credentials]:
                del self._inside[credentials]

    def _check(self, scope: Scope, context: RequestContext, lag: float) -> None:
        """Fill the context where that is needed. Raises Busy, DeadlineExceeded; what else is wrong with a request is told by others."""
        query: bytes = scope["query_string"]
        name = parse_qs(query.decode("latin-1")).get("model", [""])[-1] if query else ""
        served = self._models.loaded(name, ANYBODY)
        if served is None or served.batcher is None:
            return
        if lag <= MOST_LAG and not served.batcher.waiting:
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        caller = self._caller(headers)
        if caller is None or b"if-none-match" in headers or self._models.loaded(name, caller) is None:
            return
        try:
            seconds = timeout_of(headers.get(TIMEOUT_HEADER), self._seconds)
            context.priority = priority_of(headers.get(PRIORITY_HEADER))
        except Refusal:
            return
        context.caller, context.model = caller, served.label
        context.deadline = context.began + seconds
        lasting = self._lag.lasting()
        if lasting > MOST_LAG and self._inside[_credentials(headers)] > served.batcher.rows:  # of whoever has few, few will come
            raise Busy(f"the server is {lasting:.1f} s late", "Retry in a second, or add replicas")
        served.batcher.check_room(1, context)

    def _caller(self, headers: dict[bytes, bytes]) -> Caller | None:
        """Who asks; None where that has to be told that it may not."""
        scheme, _, key = _credentials(headers).decode("latin-1").rpartition(" ")
        if scheme.strip().lower() not in ("", "bearer"):  # a proxy's own
            key = ""
        if not key:
            return ANYBODY if self._services.anonymous else None
        row = self._services.keys.find(key)
        return row.caller if row is not None and "generate" in row.scopes else None

    async def _refuse(self, refusal: Refusal, context: RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        self._observer.begin(scope)
        reply = error_reply(refusal)
        reply.headers[HEADER] = context.id
        try:
            await reply(scope, receive, send)
        finally:
            self._observer.end(scope, context, Answer(refusal.status, len(reply.body), refusal.code))


def _credentials(headers: dict[bytes, bytes]) -> bytes:
    """What a request has for a key, unread."""
    return headers.get(b"x-api-key") or headers.get(b"authorization", b"")
