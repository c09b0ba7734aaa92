"""Why a request is refused: one class a status, each with the code that programs read.

GanrayError
└── Refusal            status  code
    ├── Unauthorized      401  unauthorized        no key, or one that is not known
    ├── Forbidden         403  forbidden           the key may not do this
    ├── NotFound          404  not_found           no such model, job or path, or none that the key may see
    ├── TooSlow           408  too_slow            the body did not arrive in time
    ├── Conflict          409  conflict            another request has used this Idempotency-Key
    ├── TooLarge          413  too_large           the body is larger than any valid request
    ├── Unsupported       415  unsupported         a content type that no route reads
    ├── Invalid           422  invalid             the body is not a valid request
    ├── RateLimited       429  rate_limited        the key has used up its rate or its quota
    ├── Busy              503  busy                the queue has no room
    ├── Unhealthy         503  unhealthy           the engine does not render
    └── DeadlineExceeded  504  deadline_exceeded   the answer would come too late
"""

from __future__ import annotations

import math
from typing import ClassVar

from ganray.errors import GanrayError


class Refusal(GanrayError):
    """A request that is not answered as asked: its status, and seconds after which to try again (None: that would not help)."""

    status: ClassVar[int] = 400

    def __init__(self, message: str, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, remedy)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Retry-After in whole seconds, where there is one (RFC 9110, 10.2.3)."""
        return {} if self.retry_after is None else {"Retry-After": str(max(1, math.ceil(self.retry_after)))}


class Unauthorized(Refusal):
    """No key, or one that is not known."""

    code, status = "unauthorized", 401

    @property
    def headers(self) -> dict[str, str]:
        """How to authenticate (RFC 9110, 11.6.1)."""
        return {**super().headers, "WWW-Authenticate": "Bearer"}


class Forbidden(Refusal):
    """The key may not do this."""

    code, status = "forbidden", 403


class NotFound(Refusal):
    """No such model, job or path, or none that the key may see."""

    code, status = "not_found", 404


class TooSlow(Refusal):
    """The body did not arrive in time."""

    code, status = "too_slow", 408


class Conflict(Refusal):
    """Another request has used this Idempotency-Key."""

    code, status = "conflict", 409


class TooLarge(Refusal):
    """The body is larger than any valid request."""

    code, status = "too_large", 413


class Unsupported(Refusal):
    """A content type that no route reads."""

    code, status = "unsupported", 415


class Invalid(Refusal):
    """The body is not a valid request."""

    code, status = "invalid", 422


class RateLimited(Refusal):
    """The key has used up its rate or its quota."""

    code, status = "rate_limited", 429


class Busy(Refusal):
    """The queue has no room."""

    code, status = "busy", 503

    def __init__(self, message: str, remedy: str = "", retry_after: float | None = 1.0) -> None:
        super().__init__(message, remedy, retry_after)


class Unhealthy(Refusal):
    """The engine does not render."""

    code, status = "unhealthy", 503

    def __init__(self, message: str, remedy: str = "", retry_after: float | None = 1.0) -> None:
        super().__init__(message, remedy, retry_after)


class DeadlineExceeded(Refusal):
    """The answer would come too late."""

    code, status = "deadline_exceeded", 504
