"""Deadlines through ASGI alone, with the limits of bodies inside as in the app, and with a client that leaves a real server."""

import asyncio
import json
import socket
import threading
import time

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from ganray.serving.body_limit import BodyLimit, Limit
from ganray.serving.context import RequestContext, context_of
from ganray.serving.deadline import Deadline

SECONDS = 30.0


class Client:
    """One request: what it sends, what it gets, and when it leaves."""

    def __init__(self, *chunks, headers=()):
        self.messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks or (b"",)]
        self.messages[-1]["more_body"] = False
        self.answer, self.leaves, self.context = [], asyncio.Event(), RequestContext()
        headers = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        self.scope = {"type": "http", "path": "/", "method": "POST", "headers": headers, "state": {"ganray": self.context}}

    async def receive(self):
        if self.messages:
            return self.messages.pop(0)
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.answer.append(message)

    async def ask(self, handler, seconds=SECONDS):
        await asyncio.wait_for(Deadline(BodyLimit(handler, {"": Limit(100)}), seconds)(self.scope, self.receive, self.send), 20)

    @property
    def status(self):
        assert [message["type"] for message in self.answer] == ["http.response.start", "http.response.body"]
        return self.answer[0]["status"]

    @property
    def error(self):
        return json.loads(self.answer[1]["body"])["error"]


async def reply(send, status=200, body=b""):
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def echo(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    await reply(send, body=body)


def ended():
    """A handler that works until it is ended, and events that say that it has begun and that it was ended."""
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def handler(scope, receive, send):
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    return handler, begun, cancelled


def test_a_body_arrives_whole_and_the_context_has_deadline_and_priority():
    async def run():
        client = Client(b"ab", b"", b"cd", headers=[("x-ganray-timeout-ms", "2500"), ("x-ganray-priority", "batch")])
        await client.ask(echo)
        return client

    client = asyncio.run(run())
    assert client.status == 200 and client.answer[1]["body"] == b"abcd"
    assert client.context.deadline == client.context.began + 2.5 and client.context.priority == "batch"


def test_without_headers_the_deadline_is_the_server_s_and_no_header_makes_it_later():
    async def run(*headers):
        client = Client(headers=headers)
        await client.ask(echo)
        return client.context

    for context in (asyncio.run(run()), asyncio.run(run(("x-ganray-timeout-ms", "600000")))):
        assert context.deadline == context.began + SECONDS and context.priority == "interactive"


@pytest.mark.parametrize(
    ("name", "value"),
    [("x-ganray-timeout-ms", value) for value in ("0", "-1", "600001", "1.5", "1e3", "", " ", "9" * 5000, "²", "0x10")]
    + [("x-ganray-priority", value) for value in ("urgent", "", "Batch", "interactive ", "ä" * 100)],
)
def test_a_header_that_is_not_understood_is_422_and_the_app_is_not_asked(name, value):
    async def never(scope, receive, send):
        raise AssertionError("the app was asked")

    async def run():
        client = Client(headers=[(name, value)])
        await client.ask(never)
        return client

    client = asyncio.run(run())
    assert client.status == 422 and client.error == "invalid" and len(client.answer[1]["body"]) < 400


def test_at_the_deadline_the_answer_is_504_and_the_handler_ends():
    async def run():
        client, (handler, _, cancelled) = Client(headers=[("x-ganray-timeout-ms", "30")]), ended()
        await client.ask(handler)
        assert cancelled.is_set() and time.monotonic() >= client.context.deadline
        assert not asyncio.current_task().cancelling()
        return client

    client = asyncio.run(run())
    assert client.status == 504 and client.error == "deadline_exceeded"


def test_a_body_that_does_not_come_in_time_is_504_too():
    async def run():
        client = Client(headers=[("x-ganray-timeout-ms", "30")])
        client.messages.clear()
        await client.ask(echo)
        return client

    assert asyncio.run(run()).status == 504


def test_the_answer_does_not_wait_for_a_handler_that_goes_on():
    """Work in a thread, for example; what it answers later is not sent."""

    async def run():
        client, go_on = Client(headers=[("x-ganray-timeout-ms", "30")]), asyncio.Event()

        async def stubborn(scope, receive, send):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await go_on.wait()
            await reply(send)

        asking = asyncio.create_task(client.ask(stubborn))
        while len(client.answer) < 2:
            await asyncio.sleep(0.001)
        assert not asking.done()
        go_on.set()
        await asking
        return client

    assert asyncio.run(run()).status == 504


def test_an_answer_that_has_begun_is_sent_to_its_end():
    async def run():
        client = Client(headers=[("x-ganray-timeout-ms", "30")])

        async def slow(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while client.context.remaining() > -0.05:
                await asyncio.sleep(0.005)
            client.leaves.set()
            await asyncio.sleep(0.01)
            await send({"type": "http.response.body", "body": b"all"})

        await client.ask(slow)
        return client

    client = asyncio.run(run())
    assert client.status == 200 and client.answer[1]["body"] == b"all"


def test_when_the_client_leaves_the_handler_ends_and_the_log_sees_499():
    async def run():
        client, (handler, begun, cancelled) = Client(b"abc"), ended()
        asking = asyncio.create_task(client.ask(handler))
        await asyncio.wait_for(begun.wait(), 20)
        client.leaves.set()
        await asking
        assert cancelled.is_set()
        return client

    assert asyncio.run(run()).status == 499


def test_a_client_that_leaves_in_the_middle_of_its_body_is_seen_as_such():
    async def run():
        client = Client(b"abc")
        client.messages[0]["more_body"] = True
        client.leaves.set()
        await client.ask(echo)
        return client

    assert asyncio.run(run()).status == 499


def test_a_handler_may_wait_for_the_client_s_leaving_itself():
    """As a streaming answer does: there is one who listens, and both learn of it."""

    async def run():
        client = Client(b"abc")
        heard = []

        async def listens(scope, receive, send):
            assert (await receive())["body"] == b"abc"
            await send({"type": "http.response.start", "status": 200, "headers": []})
            client.leaves.set()
            heard.append(await receive())
            heard.append(await receive())
            await send({"type": "http.response.body", "body": b""})

        await client.ask(listens)
        return heard

    assert asyncio.run(run()) == [{"type": "http.disconnect"}] * 2


def test_a_server_that_ends_a_request_is_obeyed_and_errors_go_on():
    async def run():
        client, (handler, begun, cancelled) = Client(), ended()
        asking = asyncio.create_task(client.ask(handler))
        await asyncio.wait_for(begun.wait(), 20)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert cancelled.is_set() and not client.answer

        async def broken(scope, receive, send):
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await Client().ask(broken)

    asyncio.run(run())


def test_nothing_is_kept_of_requests_that_were_answered():
    async def run():
        app = Deadline(echo, SECONDS)
        for _ in range(50):
            client = Client(b"x")
            await app(client.scope, client.receive, client.send)
        await asyncio.sleep(0)
        return len(app._alarms), len(asyncio.all_tasks())

    assert asyncio.run(run()) == (0, 1)


def test_other_messages_than_http_pass():
    async def run():
        seen = []

        async def lifespan(scope, receive, send):
            seen.append(scope["type"])

        await Deadline(lifespan, SECONDS)({"type": "lifespan"}, None, None)
        return seen

    assert asyncio.run(run()) == ["lifespan"]


def test_a_client_that_closes_its_connection_to_a_real_server_ends_the_work():
    """Starlette and uvicorn let a handler run on by themselves."""
    app, begun, cancelled, contexts = FastAPI(), threading.Event(), threading.Event(), []

    @app.post("/work")
    async def work(body: dict[str, int]) -> dict[str, int]:
        if body["wait"]:
            begun.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.set()
                raise
        return body

    async def remembering(scope, receive, send):
        if scope["type"] == "http":
            contexts.append(context_of(scope))
        await Deadline(BodyLimit(app, {"": Limit(100)}), SECONDS)(scope, receive, send)

    server = uvicorn.Server(uvicorn.Config(remembering, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        address = server.servers[0].sockets[0].getsockname()
        with httpx.Client(base_url=f"http://127.0.0.1:{address[1]}") as client:
            assert client.post("/work", json={"wait": 0}).json() == {"wait": 0}
            late = client.post("/work", json={"wait": 1}, headers={"X-Ganray-Timeout-Ms": "50"})
            assert late.status_code == 504 and late.json()["error"] == "deadline_exceeded" and cancelled.wait(20)
            cancelled.clear()
            begun.clear()
            assert client.post("/work", json={"wait": 0}).status_code == 200  # the same connection goes on
        with socket.create_connection(address) as raw:
            raw.sendall(b"POST /work HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n" + b'{"wait": 1}')
            assert begun.wait(20) and not cancelled.is_set()
        assert cancelled.wait(20)
    finally:
        server.should_exit = True
        thread.join(20)
    assert len(contexts) == 4
