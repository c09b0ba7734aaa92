"""Deadlines, priorities, and clients that leave."""

import asyncio
import json
import time

import pytest

from ganray.serving.context import context_of
from ganray.serving.deadline import Deadline


def run(app, *, headers=(), seconds=30.0, leaves_after=None):
    """One request through the middleware: the messages that were sent."""
    sent = []

    async def receive():
        if not receive.body:
            receive.body = True
            return {"type": "http.request", "body": b"{}", "more_body": False}
        await asyncio.sleep(1000 if leaves_after is None else leaves_after)
        return {"type": "http.disconnect"}

    receive.body = False

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": list(headers)}

    async def whole():
        await asyncio.wait_for(Deadline(app, seconds)(scope, receive, send), 20)
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    left = asyncio.run(whole())
    assert all(task.cancelling() or task.done() for task in left)
    return scope, sent


async def good(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})


class Slow:
    """Works for ever; knows whether it was ended."""

    ended = False

    async def __call__(self, scope, receive, send):
        await receive()
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            self.ended = True
            raise


def test_an_answer_in_time_passes_with_deadline_and_priority_set():
    before = time.monotonic()
    scope, sent = run(good, headers=[(b"x-ganray-timeout-ms", b"5000"), (b"x-ganray-priority", b"batch")])
    context = context_of(scope)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert (context.priority, 4 < context.deadline - before < 6) == ("batch", True)


def test_the_server_s_own_limit_is_the_largest():
    scope, _ = run(good, headers=[(b"x-ganray-timeout-ms", b"60000")], seconds=2.0)
    assert context_of(scope).deadline - time.monotonic() < 2.0


@pytest.mark.parametrize("seconds", [0.05, 30.0])
def test_at_the_deadline_the_work_ends_and_the_client_is_told(seconds):
    app = Slow()
    headers = [] if seconds < 1 else [(b"x-ganray-timeout-ms", b"50")]
    _, sent = run(app, headers=headers, seconds=seconds)
    assert (sent[0]["status"], json.loads(sent[1]["body"])["error"], app.ended) == (504, "deadline_exceeded", True)


def test_when_the_client_leaves_the_work_ends_and_nobody_is_told():
    app = Slow()
    _, sent = run(app, leaves_after=0.01)
    assert (sent, app.ended) == ([], True)


def test_an_answer_that_has_begun_is_finished():
    async def streaming(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.2)
        await send({"type": "http.response.body", "body": b"x"})

    _, sent = run(streaming, seconds=0.05, leaves_after=0.05)
    assert len(sent) == 2


def test_the_server_s_own_end_is_no_deadline():
    async def cancelled(scope, receive, send):
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run(cancelled)


@pytest.mark.parametrize(
    "header",
    [
        (b"x-ganray-timeout-ms", b"0"),
        (b"x-ganray-timeout-ms", b"-5"),
        (b"x-ganray-timeout-ms", b"1.5"),
        (b"x-ganray-timeout-ms", b"9" * 500),
        (b"x-ganray-timeout-ms", b"\xb2"),
        (b"x-ganray-priority", b"urgent"),
    ],
)
def test_a_wrong_header_is_one_line(header):
    _, sent = run(good, headers=[header])
    assert sent[0]["status"] == 422
    assert len(json.loads(sent[1]["body"])["message"]) < 120
