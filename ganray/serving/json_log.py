"""Logs as JSON, one object a line, each with the id of the request that it is about."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

REQUEST_ID: ContextVar[str] = ContextVar("ganray_request_id", default="")
REQUESTS = "ganray.serving.requests"  # the logger whose messages are JSON already


class JsonFormatter(logging.Formatter):
    """Makes one line of JSON of a record: time, level, logger, message, request, and the traceback of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        if record.name == REQUESTS:
            return record.getMessage()
        row: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := REQUEST_ID.get():
            row["request"] = request
        if record.exc_info:
            row["traceback"] = self.formatException(record.exc_info)
        return json.dumps(row)


def log_as_json(handler: logging.Handler | None = None) -> None:
    """Write what ganray and uvicorn log to stderr, or to a handler, as JSON, a line a request included."""
    handler = handler or logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    for name in ("ganray", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
    for name in ("uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    logging.getLogger(REQUESTS).setLevel(logging.INFO)
