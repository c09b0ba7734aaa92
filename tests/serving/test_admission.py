"""Requests that the queue would refuse are refused before their body is read; all others go on."""

import asyncio
import json
import time

import pytest

from ganray.benchmarks.random_model import make_model
from ganray.config import ServeConfig
from ganray.engine import Engine
from ganray.requests import GenerateRequest
from ganray.serving.admission import Admission
from ganray.serving.context import Caller, RequestContext
from ganray.serving.models import OneModel
from ganray.serving.served_model import ServedModel
from tests.tools.models import SMALLEST

QUEUE = 4


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, SMALLEST, {})
    return Engine.load(folder, "cpu", threads=1)


class Server:
    """A server whose queue may be full, and whose app only says that it was reached."""

    def __init__(self, engine):
        self.served = ServedModel.of(engine, ServeConfig(queue=QUEUE, wait_ms=60_000.0))
        self._app = Admission(self._reached, OneModel(self.served))

    async def _reached(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def fill(self, key):
        """So many requests of a key that the queue is full; they wait for a batch that is never due."""
        batcher, request = self.served.batcher, GenerateRequest(id="a", seed=1)
        tasks = [asyncio.create_task(batcher.make(request, RequestContext(caller=Caller(key)))) for _ in range(QUEUE)]
        await asyncio.sleep(0)
        assert batcher.waiting == QUEUE
        return tasks

    async def ask(self, key="flood", seconds=None, **changes):
        """The answer's status and the code of its error."""
        sent, context = [], RequestContext(caller=Caller(key))
        context.deadline = None if seconds is None else time.monotonic() + seconds
        scope = {"type": "http", "method": "POST", "path": "/v1/generate", "query_string": b"", "headers": [], "state": {"ganray": context}}

        async def send(message):
            sent.append(message)

        async def receive():
            raise AssertionError("the body was read")

        await self._app(scope | changes, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])["error"] if len(sent) > 1 else ""


def with_full_queue(engine, *asked):
    """The answers while a key fills the queue."""

    async def run():
        server = Server(engine)
        tasks = await server.fill("flood")
        answers = [await server.ask(**each) for each in asked]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return answers

    return asyncio.run(run())


def test_a_full_queue_refuses_before_the_body_is_read_but_not_the_share_of_another_key(engine):
    assert with_full_queue(engine, {}, {"key": "quiet"}) == [(503, "busy"), (200, "")]


def test_with_room_all_go_on_but_those_whose_time_is_over(engine):
    async def run():
        server = Server(engine)
        return [await server.ask(), await server.ask(seconds=10.0), await server.ask(seconds=-0.001)]

    assert asyncio.run(run()) == [(200, ""), (200, ""), (504, "deadline_exceeded")]


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "GET"},
        {"path": "/v1/edit"},
        {"type": "lifespan"},
        {"headers": [(b"if-none-match", b'"a"')]},  # may be answered 304
        {"query_string": b"model=another"},  # may be unknown: 404 is what to say
    ],
)
def test_what_may_need_no_picture_of_this_model_goes_on(engine, changes):
    assert with_full_queue(engine, changes) == [(200, "")]


def test_the_prefix_of_a_server_does_not_matter(engine):
    assert with_full_queue(engine, {"path": "/shop/v1/generate"}) == [(503, "busy")]


def test_a_folder_without_a_generator_has_no_queue():
    served = ServedModel.of(None, ServeConfig())

    async def run():
        sent = []

        async def app(scope, receive, send):
            sent.append("reached")

        scope = {"type": "http", "method": "POST", "path": "/v1/generate", "query_string": b"", "headers": []}
        await Admission(app, OneModel(served))(scope, None, None)
        return sent

    assert asyncio.run(run()) == ["reached"]
