"""Each request on its way: its id, its numbers, a line in the log, a line in the audit. The outermost ASGI middleware."""

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
from ganray.serving.metrics import ServerMetrics, route_of

HEADER = "X-Request-Id"
_VALID_ID = re.compile(rb"[A-Za-z0-9._-]{1,100}")
LOG = logging.getLogger("ganray.serving.requests")


@dataclass
class _Answer:
    """What is known of an answer when it was sent."""

    status: int = 500
    sent: int = 0  # bytes of the body
    error: str = ""
    body: bytearray = field(default_factory=bytearray)  # of an error, for its code


class Observing:
    """Gives requests their ids, and tells metrics, log and audit of each."""

    def __init__(self, app: ASGIApp, metrics: ServerMetrics, audit: Audit | None = None) -> None:
        self._app, self._metrics, self._audit = app, metrics, audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context = context_of(scope)
        context.id = next(
            (value.decode() for name, value in scope["headers"] if name == b"x-request-id" and _VALID_ID.fullmatch(value)), ""
        )
        context.id = context.id or secrets.token_hex(8)
        answer = _Answer()

        async def observed(message: Message) -> None:
            """Send a message, and take note of it."""
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                MutableHeaders(scope=message)[HEADER] = context.id
            elif message["type"] == "http.response.body":
                answer.sent += len(message.get("body", b""))
                if answer.status >= 400 and len(answer.body) < 10_000:
                    answer.body += message.get("body", b"")
            await send(message)

        self._metrics.began()
        try:
            await self._app(scope, receive, observed)
        except Exception as error:
            answer.error = type(error).__name__
            if not answer.sent:
                await error_reply(GanrayError(f"the server failed: {answer.error}", "See the server's log"))(scope, receive, observed)
            raise
        finally:
            self._tell(scope, context, answer)

    def _tell(self, scope: Scope, context: RequestContext, answer: _Answer) -> None:
        seconds = time.monotonic() - context.began
        route = route_of(scope["path"].removeprefix(scope.get("root_path", "")))
        if answer.status >= 400 and not answer.error:
            answer.error = _code_of(answer.body)
        self._metrics.answered(route, context, answer.status, seconds, answer.error)
        if self._audit is None and not LOG.isEnabledFor(logging.INFO):
            return
        row = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request": context.id,
            "key": context.caller.key,
            "tenant": context.caller.tenant,
            "method": scope["method"],
            "route": route,
            "status": answer.status,
            "error": answer.error,
            "model": context.model,
            "ms": round(1000 * seconds, 1),
            "bytes": answer.sent,
        }
        if self._audit is not None:
            self._audit.write(row)
        stages = {name: round(1000 * took, 1) for name, took in context.stages.items()}
        LOG.info("%s", json.dumps(row | {"stages": stages}))


def _code_of(body: bytearray) -> str:
    """The code of an error's body."""
    try:
        code: Any = json.loads(body)["error"]
    except (ValueError, TypeError, KeyError):
        return ""
    return str(code)[:40]
