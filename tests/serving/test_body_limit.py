"""Limits of bodies through ASGI alone; with the app and over HTTP: test_app.py, test_edit.py."""

import asyncio
import json

import pytest

from ganray.serving.body_limit import BodyLimit, Limit

LIMITS = {"/edit": Limit(100, max_requests=1), "": Limit(10)}


def call(app, path, *chunks):
    """Send a body in chunks; returns the messages of the reply."""
    messages = [{"type": "http.request", "body": chunk, "more_body": place < len(chunks) - 1} for place, chunk in enumerate(chunks)]
    reply = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        reply.append(message)

    asyncio.run(app({"type": "http", "path": path}, receive, send))
    return reply


async def echo(scope, receive, send):
    """An app that replies with the body that it reads."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def test_the_app_reads_a_small_body_as_it_was_sent():
    assert call(BodyLimit(echo, LIMITS), "/other", b"abc", b"", b"def")[1]["body"] == b"abcdef"


@pytest.mark.parametrize(
    ("path", "size", "status"), [("/other", 10, 200), ("/other", 11, 413), ("/v1/edit", 11, 200), ("/v1/edit", 101, 413)]
)
def test_the_limit_is_that_of_the_path(path, size, status):
    start, body = call(BodyLimit(echo, LIMITS), path, b"x" * size)
    assert start["status"] == status
    assert status == 200 or json.loads(body["body"])["error"] == "too_large"


def test_a_limit_frees_its_place_after_an_error_and_after_413():
    async def fails(scope, receive, send):
        raise ZeroDivisionError

    app = BodyLimit(fails, LIMITS)
    for _ in range(2):
        assert call(app, "/edit", b"x" * 101)[0]["status"] == 413
        with pytest.raises(ZeroDivisionError):
            call(app, "/edit", b"")


def test_beyond_the_requests_in_progress_the_reply_is_503_before_the_body_is_read():
    async def run():
        entered, leave = asyncio.Event(), asyncio.Event()

        async def waits(scope, receive, send):
            entered.set()
            await leave.wait()

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def unread():
            raise AssertionError("the body was read")

        reply = []

        async def send(message):
            reply.append(message)

        app = BodyLimit(waits, LIMITS)
        first = asyncio.create_task(app({"type": "http", "path": "/edit"}, receive, send))
        await entered.wait()
        await app({"type": "http", "path": "/edit"}, unread, send)
        leave.set()
        await first
        return reply

    start, body = asyncio.run(run())
    assert start["status"] == 503 and (b"retry-after", b"1") in start["headers"]
    assert json.loads(body["body"])["message"] == "the queue is full: 1 requests are in progress"
