"""One call until it has its answer: tries, the waits between them, and the end of its time. No input or output, and no clock of its own.

`exchange` is a generator. It yields what is to be done next, a `Send` or a `Sleep`, and is sent what came of it; `Client` and `AsyncClient`
do the rest in their own ways.
"""

from __future__ import annotations

import contextlib
import random
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from ganray.client.answers import Answer, error_of
from ganray.client.calls import HEADER_VALUE, Call, Options
from ganray.client.errors import ClientError, Detail, TimedOut, Unreachable, error_class
from ganray.client.kept import Cache, find, keep, renewed

FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0  # seconds; the bound of a wait doubles from the one to the other
MAX_TIMEOUT_MS = 600_000  # that the server takes
ALWAYS_TRANSIENT = frozenset({429, 502, 503})
TRANSIENT_OF_OTHERS = frozenset({500, 504})  # from ganray itself they are verdicts; a proxy that lost its server says the same


@dataclass(frozen=True)
class Send:
    """Send this, within so many seconds."""

    call: Call
    headers: dict[str, str]
    seconds: float


@dataclass(frozen=True)
class Sleep:
    """Do nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Fault:
    """There was no answer. `retryable` is false where another try would end the same way; `late`: the time was over."""

    message: str
    retryable: bool = True
    late: bool = False


T = TypeVar("T")
Event = Answer | Fault | None
Steps = Generator[Send | Sleep, Event, T]


@dataclass(frozen=True)
class Session:
    """What all calls of a client share. `timeout` is of a whole call, its retries included."""

    key: str = ""
    timeout: float = 30.0
    retries: int = 3
    cache: Cache | None = None
    clock: Callable[[], float] = time.monotonic
    uniform: Callable[[float, float], float] = random.uniform

    def __post_init__(self) -> None:
        Options(timeout=self.timeout)  # raises ValueError
        if self.retries < 0:
            raise ValueError(f"retries {self.retries}: give 0 or more")
        if self.key and not HEADER_VALUE.fullmatch(self.key):
            raise ValueError("key: use printable ASCII characters without spaces")

    def __repr__(self) -> str:
        """Without the key: a repr ends in logs."""
        return f"Session(timeout={self.timeout}, retries={self.retries})"


def exchange(session: Session, call: Call, options: Options) -> Steps[tuple[Answer, bool]]:
    """The answer of a call, and whether it is a kept one. Raises ClientError."""
    ends = session.clock() + (options.timeout or session.timeout)
    request_id = options.request_id or uuid.uuid4().hex
    found = find(session.cache, call)
    headers = {**call.headers, "X-Request-Id": request_id}
    headers |= {"Authorization": f"Bearer {session.key}"} if session.key else {}
    headers |= {"If-None-Match": found.headers["etag"]} if found else {}
    for attempt in range(session.retries + 1):
        remaining = max(ends - session.clock(), 0.001)
        event = yield Send(call, headers | {"X-Ganray-Timeout-Ms": _milliseconds(remaining)}, remaining)
        if isinstance(event, Answer) and event.status == 304 and found:
            return renewed(found, event), True
        if isinstance(event, Answer) and 200 <= event.status < 300:
            keep(session.cache, call, event)
            return event, False
        error = _error(event, request_id)
        wait = _wait(session, attempt, error)
        if not error.retryable or attempt == session.retries or session.clock() + wait >= ends:
            raise error
        yield Sleep(wait)
    raise AssertionError("the last try returns or raises")


def _milliseconds(seconds: float) -> str:
    return str(min(max(int(seconds * 1000), 1), MAX_TIMEOUT_MS))


def _wait(session: Session, attempt: int, error: ClientError) -> float:
    """Seconds until the next try: anything up to a bound that doubles, so that clients do not come back together; and no less than
    what the server has said, where it has."""
    drawn = session.uniform(0.0, min(LONGEST_WAIT, FIRST_WAIT * 2**attempt))
    return drawn + (error.retry_after or 0.0)


def _error(event: Event, request_id: str) -> ClientError:
    if isinstance(event, Answer):
        detail, own = error_of(event, request_id)
        transient = event.status in ALWAYS_TRANSIENT or (event.status in TRANSIENT_OF_OTHERS and not own)
        detail = replace(detail, retryable=transient, retry_after=retry_after(event.headers.get("retry-after", "")))
        return error_class(event.status)(detail)
    assert event is not None
    if event.late:
        late = Detail("timed_out", event.message, "Allow more time with timeout=", request_id=request_id, retryable=event.retryable)
        return TimedOut(late)
    remedy = "Check that the server runs, and its URL"
    return Unreachable(Detail("unreachable", event.message, remedy, request_id=request_id, retryable=event.retryable))


def retry_after(text: str) -> float | None:
    """Seconds that a Retry-After header says: a number, or a date (RFC 9110, 10.2.3). None for anything else.

    >>> retry_after("2"), retry_after("Fri, 01 Jan 1999 00:00:00 GMT"), retry_after("soon"), retry_after("")
    (2.0, 0.0, None, None)
    """
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        at = parsedate_to_datetime(text)
        return max(0.0, (at - datetime.now(UTC)).total_seconds())
    return None
