"""What a call can end with. Every error has code, message, remedy, status, request id, and whether the same call may succeed later.

ClientError
├── Unreachable          no answer: the connection was refused, or cut
├── TimedOut             the time of the call is over
│   └── DeadlineExceeded 504  the same, and the server says it
├── BadAnswer            an answer that a ganray server does not give
├── JobFailed            a job ended without its result; `job` says how
├── BadRequest      400  a value that the model does not know
├── Unauthorized    401  no key, or one that is not known
├── Forbidden       403  the key may not do this
├── NotFound        404  no such model, job, result or path
├── TooSlow         408  the body did not arrive in time
├── Conflict        409  the Idempotency-Key was used for another job
├── TooLarge        413  the body is larger than any valid request
├── Unsupported     415  a content type that no route reads
├── Invalid         422  not a valid request, or a photo that cannot be read or edited: `reason`
├── RateLimited     429  the key has used up its rate or its quota: `retry_after`
├── ServerFailed    5xx  the server failed
└── Busy            503  the server has no room
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Detail:
    """What is known about an error. `code` is the server's, or a word of the client's; `retry_after` is in seconds."""

    code: str
    message: str
    remedy: str = ""
    status: int = 0
    request_id: str = ""
    reason: str = ""
    retry_after: float | None = None
    retryable: bool = False


class ClientError(Exception):
    """Base class. `str(error)` is one line; `error.code` is for programs, `error.request_id` is what the server's log has."""

    def __init__(self, detail: Detail) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code, self.message, self.remedy = detail.code, detail.message, detail.remedy
        self.status, self.request_id, self.reason = detail.status, detail.request_id, detail.reason
        self.retry_after, self.retryable = detail.retry_after, detail.retryable

    def __str__(self) -> str:
        parts = [self.message.rstrip("."), self.remedy.rstrip("."), f"Request {self.request_id}" if self.request_id else ""]
        return " ".join(". ".join(part for part in parts if part).split())


class Unreachable(ClientError):
    """There was no answer: the connection was refused, or cut."""


class TimedOut(ClientError):
    """The time of the call is over."""


class BadAnswer(ClientError):
    """An answer that a ganray server does not give: something else may answer at this URL."""


class JobFailed(ClientError):
    """A job has failed or was cancelled. `job` is its last state."""

    def __init__(self, detail: Detail, job: Any = None) -> None:
        super().__init__(detail)
        self.args = (detail, job)
        self.job = job


class BadRequest(ClientError):
    """A value that the model does not know, or too many images."""


class Unauthorized(ClientError):
    """No key, or one that is not known."""


class Forbidden(ClientError):
    """The key may not do this."""


class NotFound(ClientError):
    """No such model, job or path, or none that the key may see."""


class TooSlow(ClientError):
    """The body did not arrive in time."""


class Conflict(ClientError):
    """The Idempotency-Key was used for another job."""


class TooLarge(ClientError):
    """The body is larger than any valid request."""


class Unsupported(ClientError):
    """A content type that no route reads."""


class Invalid(ClientError):
    """Not a valid request, or a photo that cannot be read or edited; `reason` says why the photo cannot."""


class RateLimited(ClientError):
    """The key has used up its rate or its quota; `retry_after` says for how long, where the server knows."""


class ServerFailed(ClientError):
    """The server failed, or something between did."""


class Busy(ClientError):
    """The server has no room."""


class DeadlineExceeded(TimedOut):
    """The time of the call is over, and the server says it."""


BY_STATUS: dict[int, type[ClientError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: TooSlow,
    409: Conflict,
    413: TooLarge,
    415: Unsupported,
    422: Invalid,
    429: RateLimited,
    503: Busy,
    504: DeadlineExceeded,
}


def error_class(status: int) -> type[ClientError]:
    """The class of a status.

    >>> error_class(429).__name__, error_class(502).__name__, error_class(302).__name__
    ('RateLimited', 'ServerFailed', 'BadAnswer')
    """
    return BY_STATUS.get(status) or (ServerFailed if status >= 500 else BadRequest if status >= 400 else BadAnswer)
