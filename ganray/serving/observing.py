"""Each request on its way: its id, its numbers, a line in the log, a line in the audit, a trace. The outermost ASGI middleware."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganray.errors import GanrayError
from ganray.serving.audit import Audit
from ganray.serving.context import RequestContext, context_of
from ganray.serving.errors import error_reply
from ganray.serving.json_log import REQUEST_ID, REQUESTS
from ganray.serving.keys import PREFIX as KEY_PREFIX
from ganray.serving.metrics import ServerMetrics
from ganray.serving.route_names import OTHER, RouteNames
from ganray.serving.tracing import Tracing

HEADER = "X-Request-Id"
_VALID_ID = re.compile(rb"[A-Za-z0-9._-]{1,100}")
MAX_ERROR_BODY = 10_000  # bytes of an error's answer that are kept, to read its code
CLIENT_LEFT = 499  # nginx's number for a request whose client has gone: no answer was sent
LOG = logging.getLogger(REQUESTS)


@dataclass
class Answer:
    """What is known of an answer when it was sent; `status` 0 says that none was begun."""

    status: int = 0
    sent: int = 0  # bytes of the body
    error: str = ""
    body: bytearray = field(default_factory=bytearray)  # of an error, for its code


class Observer:
    """Tells metrics, log, audit and traces of each request."""

    def __init__(self, metrics: ServerMetrics, audit: Audit | None = None, tracing: Tracing | None = None) -> None:
        self._metrics, self._audit, self._tracing = metrics, audit, tracing
        self._names: RouteNames | None = None  # the app has its routes by the first request

    def begin(self, scope: Scope) -> RequestContext:
        """The context of a request that has come, with its id."""
        context = context_of(scope)
        context.id = _id_of(scope)
        self._metrics.began()
        return context

    def end(self, scope: Scope, context: RequestContext, answer: Answer) -> None:
        """A request is over."""
        seconds = time.monotonic() - context.began
        route = self._route_of(scope)
        status = answer.status or CLIENT_LEFT
        if status >= 400 and not answer.error:
            answer.error = "client_left" if status == CLIENT_LEFT else _code_of(answer.body)
        self._metrics.answered(route, context, status, seconds, answer.error)
        log = LOG.isEnabledFor(logging.INFO)
        if self._audit is None and self._tracing is None and not log:
            return
        row = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request": context.id,
            "key": context.caller.key,
            "tenant": context.caller.tenant,
            "method": scope["method"],
            "route": route,
            "status": status,
            "error": answer.error,
            "model": context.model,
            "images": context.images,
            "bytes_in": context.bytes_in,
            "ms": round(1000 * seconds, 1),
            "bytes": answer.sent,
        }
        if self._audit is not None:
            self._audit.write(row)
        trace = {} if self._tracing is None else {"trace": self._tracing.record(scope, row, context.stages, seconds)}
        if log:
            stages = {name: round(1000 * took, 1) for name, took in context.stages.items()}
            LOG.info("%s", json.dumps(row | {"stages": stages} | trace))

    def _route_of(self, scope: Scope) -> str:
        if self._names is None:
            if "app" not in scope:  # an ASGI app that is not Starlette's
                return OTHER
            self._names = RouteNames(scope["app"].routes)
        return self._names.of(scope)


class Observing:
    """Middleware that gives requests their ids, and has an observer tell of each."""

    def __init__(self, app: ASGIApp, observer: Observer) -> None:
        self._app, self._observer = app, observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context = self._observer.begin(scope)
        REQUEST_ID.set(context.id)  # it is not set back: the server logs a failure after this, and each request is a task of its own
        answer = Answer()

        async def observed(message: Message) -> None:
            """Send a message, and take note of it."""
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                MutableHeaders(scope=message)[HEADER] = context.id
            elif message["type"] == "http.response.body":
                body = message.get("body", b"")
                answer.sent += len(body)
                if answer.status >= 400 and len(answer.body) < MAX_ERROR_BODY:
                    answer.body += body
            await send(message)

        try:
            await self._app(scope, receive, observed)
        except Exception as error:
            answer.error = type(error).__name__
            if not answer.status:
                await error_reply(GanrayError(f"the server failed: {answer.error}", "See the server's log"))(scope, receive, observed)
            raise
        finally:
            self._observer.end(scope, context, answer)


def _id_of(scope: Scope) -> str:
    """The request's own id where it is valid, or a new one."""
    for name, value in scope["headers"]:
        if (
            name == b"x-request-id" and _VALID_ID.fullmatch(value) and not value.startswith(KEY_PREFIX.encode())
        ):  # a key sent there by mistake
            own: str = value.decode()
            return own
    return secrets.token_hex(8)


def _code_of(body: bytearray) -> str:
    """The code of an error's body."""
    try:
        code: Any = json.loads(body)["error"]
    except (ValueError, TypeError, KeyError):
        return ""
    return str(code)[:40]
