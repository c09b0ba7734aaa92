"""Requests that the queue would refuse are refused before their body is read, and those that a late event loop has no time for; all others
go on."""

import asyncio
import json
import time

import pytest

from ganray.benchmarks.random_model import make_model
from ganray.config import ServeConfig
from ganray.engine import Engine
from ganray.requests import GenerateRequest
from ganray.serving.admission import MOST_LAG, Admission
from ganray.serving.context import Caller, RequestContext, context_of
from ganray.serving.keys import KeyRing, hash_of, new_key
from ganray.serving.metrics import ServerMetrics
from ganray.serving.models import OneModel
from ganray.serving.observing import Observer
from ganray.serving.rates import LocalLedger
from ganray.serving.served_model import ServedModel
from ganray.serving.services import Services
from tests.tools.models import SMALLEST

QUEUE = 4


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, SMALLEST, {})
    return Engine.load(folder, "cpu", threads=1)


class Late:
    """A lateness that is given; of a single pause nothing lasts."""

    def __init__(self, seconds, lasting):
        self._seconds, self._lasting = seconds, lasting

    def seconds(self):
        return self._seconds

    def lasting(self):
        return self._seconds if self._lasting else 0.0


class Server:
    """A server whose queue may be full, and whose app only says that it was reached."""

    def __init__(self, engine, keys="", lag=0.0, lasting=True):
        config = ServeConfig(queue=QUEUE, wait_ms=60_000.0, keys=keys)
        self.served, self.metrics, self.seen = ServedModel.of(engine, config), ServerMetrics(), []
        services = Services(KeyRing(keys), LocalLedger(), self.metrics, anonymous=not keys)
        self.admission = Admission(self._reached, OneModel(self.served), services, Observer(self.metrics), 60.0)
        self.admission._lag, self.held = Late(lag, lasting), None

    async def _reached(self, scope, receive, send):
        self.seen.append(context_of(scope))
        if self.held is not None and scope["method"] == "POST":
            await self.held.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def fill(self, key):
        """So many requests of a key that the queue is full; they wait for a batch that is never due."""
        batcher, request = self.served.batcher, GenerateRequest(id="a", seed=1)
        tasks = [asyncio.create_task(batcher.make(request, RequestContext(caller=Caller(key)))) for _ in range(QUEUE)]
        await asyncio.sleep(0)
        assert batcher.waiting == QUEUE
        return tasks

    async def ask(self, key="", timeout_ms=None, headers=(), **changes):
        """The answer's status and the code of its error."""
        sent, headers = [], list(headers)
        headers += [(b"authorization", f"Bearer {key}".encode())] if key else []
        headers += [(b"x-ganray-timeout-ms", str(timeout_ms).encode())] if timeout_ms is not None else []
        scope = {"type": "http", "method": "POST", "path": "/v1/generate", "query_string": b"", "headers": headers}

        async def send(message):
            sent.append(message)

        async def receive():
            raise AssertionError("the body was read")

        await self.admission(scope | changes, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])["error"] if len(sent) > 1 else ""


def with_full_queue(engine, *asked, keys=""):
    """The answers while anybody without a key fills the queue, or the first key."""

    async def run():
        server = Server(engine, keys)
        tasks = await server.fill("loud" if keys else "local")
        answers = [await server.ask(**each) for each in asked]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return answers, server

    return asyncio.run(run())


def test_a_full_queue_refuses_before_the_body_is_read_and_counts_it(engine):
    answers, server = with_full_queue(engine, {})
    assert answers == [(503, "busy")]
    numbers = {(number.name, *number.labels.values()): number.value for number in server.metrics.numbers()}
    assert numbers["ganray_requests_total", "other", "local", server.served.label, "503"] == 1.0
    assert numbers["ganray_requests_in_progress",] == 0.0


def test_a_key_has_its_share_and_who_may_not_ask_is_told_so_by_others(engine, tmp_path):
    loud, quiet, other = new_key(), new_key(), new_key()
    rows = [{"name": "loud", "hash": hash_of(loud)}, {"name": "quiet", "hash": hash_of(quiet)}]
    rows.append({"name": "other", "hash": hash_of(other), "scopes": ["models"]})
    (tmp_path / "keys.yaml").write_text(json.dumps({"keys": rows}))
    asked = [{"key": loud}, {"key": quiet}, {"key": other}, {"key": new_key()}, {}]
    answers, _ = with_full_queue(engine, *asked, keys=str(tmp_path / "keys.yaml"))
    assert answers == [(503, "busy"), (200, ""), (200, ""), (200, ""), (200, "")]


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "GET"},
        {"path": "/v1/edit"},
        {"type": "lifespan"},
        {"headers": [(b"if-none-match", b'"a"')]},  # may be answered 304
        {"headers": [(b"x-ganray-timeout-ms", b"soon")]},  # 422
        {"query_string": b"model=another"},  # may be unknown: 404 is what to say
    ],
)
def test_what_may_need_no_picture_of_this_model_goes_on(engine, changes):
    assert with_full_queue(engine, changes)[0] == [(200, "")]


def test_the_prefix_of_a_server_does_not_matter(engine):
    assert with_full_queue(engine, {"path": "/shop/v1/generate"})[0] == [(503, "busy")]


def test_a_request_that_waited_in_its_socket_has_less_time(engine):
    async def run():
        server = Server(engine, lag=0.05)
        answers = [await server.ask()]
        tasks = await server.fill("another")
        answers += [await server.ask(timeout_ms=40), await server.ask(timeout_ms=5000)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return answers, time.monotonic() - server.seen[0].began

    answers, since = asyncio.run(run())
    assert answers == [(200, ""), (504, "deadline_exceeded"), (200, "")] and since >= 0.05


@pytest.mark.parametrize("lasting", [True, False])
def test_a_loop_that_stays_late_refuses_whoever_has_more_than_a_batch_under_way(engine, tmp_path, lasting):
    loud, quiet = new_key(), new_key()
    rows = [{"name": "loud", "hash": hash_of(loud)}, {"name": "quiet", "hash": hash_of(quiet)}]
    (tmp_path / "keys.yaml").write_text(json.dumps({"keys": rows}))

    async def run():
        server = Server(engine, str(tmp_path / "keys.yaml"), lag=MOST_LAG + 0.1, lasting=lasting)
        held, first = asyncio.Event(), await server.ask(loud)
        server.held = held
        under_way = [asyncio.create_task(server.ask(loud)) for _ in range(server.served.batcher.rows + 1)]
        await asyncio.sleep(0)
        one_more = asyncio.create_task(server.ask(loud))
        await asyncio.sleep(0)
        refused = one_more.done()
        server.held = None
        answers = [await server.ask(loud, path="/v1/models", method="GET")]
        answers.append(await server.ask(quiet))
        held.set()
        await asyncio.gather(*under_way)
        return refused, await one_more, first, *answers, len(server.admission._inside)

    expected = (503, "busy") if lasting else (200, "")
    assert asyncio.run(run()) == (lasting, expected, (200, ""), (200, ""), (200, ""), 0)


def test_a_folder_without_a_generator_has_no_queue():
    assert asyncio.run(Server(None).ask()) == (200, "")
