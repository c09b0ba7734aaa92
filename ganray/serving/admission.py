"""Admission: ASGI middleware that refuses what the queue would refuse anyway, before its body is read and a route is found.

Most of what an answer costs is spent between here and the queue. A server that is asked four times what it can draw would spend its time on
refusals, and each of them would be late.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from ganray.serving.context import context_of
from ganray.serving.errors import error_reply
from ganray.serving.models import Models
from ganray.serving.refusals import Refusal

PATH = "/v1/generate"


class Admission:
    """Answers 503 and 504 in place of the batcher, for requests of one image or more. Stands within Deadline and Access.

    A request that names a tag it has (If-None-Match) goes on: its answer may need no picture.
    """

    def __init__(self, app: ASGIApp, models: Models) -> None:
        self._app, self._models = app, models

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith(PATH):
            try:
                self._check(scope)
            except Refusal as refusal:
                await error_reply(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        if any(name == b"if-none-match" for name, _ in scope["headers"]):
            return
        context = context_of(scope)
        query: bytes = scope["query_string"]
        name = parse_qs(query.decode("latin-1")).get("model", [""])[-1] if query else ""
        served = self._models.loaded(name, context.caller)
        if served is None or served.batcher is None:
            return
        context.model = served.label
        served.batcher.check_room(1, context)
