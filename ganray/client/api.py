"""Each method of the clients as steps: what is sent, what is read of the answer. Shared by `Client` and `AsyncClient`, without I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from ganray.client.answers import Answer, Images, Job, read_answer, read_images, read_job
from ganray.client.calls import Call, Options, file_call, get_call, job_call
from ganray.client.errors import BadAnswer, Busy, ClientError, Detail, JobFailed, ServerFailed, TimedOut, Unreachable
from ganray.client.exchange import Session, Sleep, Steps, exchange
from ganray.client.results import Page, ResultFile, read_file

LONGEST_POLL = 10.0  # seconds
OUTAGE = 120.0  # seconds for which `wait` bears a server that cannot be reached: a rolling update, a restart
T = TypeVar("T")


def ask(session: Session, call: Call, reader: Callable[[Answer], T], options: Options | None = None) -> Steps[T]:
    """The answer of a call as `reader` reads it. Raises ClientError."""
    answer, _ = yield from exchange(session, call, options or Options())
    return read_answer(answer, reader)


def ask_images(session: Session, call: Call, options: Options) -> Steps[Images]:
    """The pictures of a call to generate or to edit. Raises ClientError."""
    answer, cached = yield from exchange(session, call, options)
    return read_answer(answer, lambda answer: read_images(answer, cached))


def ask_page(session: Session, call: Call, reader: Callable[[Answer], Page[T]]) -> Steps[tuple[tuple[T, ...], Call | None]]:
    """One page of a listing, and the call of the next one; None at the end. Raises ClientError."""
    page = yield from ask(session, call, reader)
    following = replace(call, query={**call.query, **page.following}) if page.following else None
    if following == call:
        raise BadAnswer(Detail("bad_answer", "the page after this one is this one", "Check the URL, and the server's version"))
    return page.rows, following


def ask_file(session: Session, id: str, name: str) -> Steps[ResultFile]:
    """One file of a job. Raises ClientError."""
    answer, cached = yield from exchange(session, file_call(id, name), Options())
    return read_answer(answer, lambda answer: read_file(answer, name, cached))


def wait_steps(session: Session, id: str, timeout: float | None, poll: float) -> Steps[Job]:
    """The job when it has succeeded, looked for every `poll` seconds, in time less often.

    Raises JobFailed where it has not, TimedOut after `timeout` seconds, and what the server says, where that cannot pass by itself.
    """
    begun = session.clock()
    well = begun  # when the server last answered
    while True:
        try:
            job = yield from ask(session, job_call(id), read_job)
        except ClientError as error:
            if not error.retryable or session.clock() - well > OUTAGE:
                raise
        else:
            well = session.clock()
            if job.ended:
                return _succeeded(job)
        if timeout is not None and session.clock() + poll - begun > timeout:
            raise TimedOut(Detail("timed_out", f"job {id}: not ended after {timeout:g} s", "Wait again, or allow more time"))
        yield Sleep(poll)
        poll = min(poll * 1.5, max(poll, LONGEST_POLL))


def _succeeded(job: Job) -> Job:
    if job.state == "succeeded":
        return job
    message = f"job {job.id} {job.state if job.state == 'failed' else 'was cancelled'}" + (f": {job.error}" if job.error else "")
    raise JobFailed(Detail(f"job_{job.state}", message, "Submit it again: what exists is kept"), job)


def health_steps(session: Session) -> Steps[bool]:
    """Whether the server answers and renders; asked once. Raises ClientError where the answer is not one of a ganray server."""
    once = Session(session.key, session.timeout, 0, clock=session.clock, uniform=session.uniform)
    try:
        return (yield from ask(once, get_call("healthz"), lambda answer: bool(answer.json()["status"] == "ok")))
    except (Unreachable, TimedOut, Busy, ServerFailed):
        return False
