"""Failures and cancellations within a batch; that each request gets its own samples is tested over HTTP (test_app.py)."""

import asyncio
import threading

import pytest

from ganray.benchmarks.random_model import make_model
from ganray.config import ModelConfig
from ganray.engine import Engine
from ganray.images.provenance import read_label
from ganray.requests import GenerateRequest
from ganray.serving.batcher import Batcher, Busy


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8), {})
    return Engine.load(folder, "cpu", threads=1)


def test_a_broken_batch_answers_all_of_it_and_the_next_one_works(engine, monkeypatch):
    batcher = Batcher(engine, 0.0, 100)

    async def run():
        with monkeypatch.context() as patch:
            patch.setattr(Engine, "render", lambda *_: 1 / 0)
            broken = await asyncio.gather(*(batcher.make(GenerateRequest(id=f"{i}", seed=i)) for i in range(3)), return_exceptions=True)
        return broken, await batcher.make(GenerateRequest(id="ok", seed=1))

    broken, (made,) = asyncio.run(run())
    assert [type(error) for error in broken] == [ZeroDivisionError] * 3
    assert read_label(made.data)["ganray:RequestID"] == "ok-0"


def test_who_leaves_makes_room_and_costs_no_work(engine, monkeypatch):
    """Clients that give up and ask again would otherwise fill the queue with what nobody waits for."""
    whole, computing, go_on, rows = Engine.render, threading.Event(), threading.Event(), []

    def slow(self, z, labels):
        computing.set()
        assert go_on.wait(20)
        rows.append(len(z))
        return whole(self, z, labels)

    monkeypatch.setattr(Engine, "render", slow)
    batcher = Batcher(engine, 0.0, queue=4)

    async def run():
        first = asyncio.create_task(batcher.make(GenerateRequest(id="first", seed=1)))
        await asyncio.to_thread(computing.wait, 20)
        gone = asyncio.create_task(batcher.make(GenerateRequest(id="gone", seed=2, count=4)))
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="the queue has no room for 1 images: 4 of at most 4 images are waiting"):
            await batcher.make(GenerateRequest(id="late", seed=3))
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        third = asyncio.create_task(batcher.make(GenerateRequest(id="third", seed=3, count=3)))
        await asyncio.sleep(0)
        go_on.set()
        return await first, await third

    first, third = asyncio.run(run())
    assert (len(first), len(third)) == (1, 3)
    assert rows == [1, 3]


def test_a_request_that_failed_in_part_leaves_nothing_behind(engine, monkeypatch):
    """Its first batch breaks; the others are not computed."""
    calls = []

    def broken(self, z, labels):
        calls.append(len(z))
        raise ZeroDivisionError

    monkeypatch.setattr(Engine, "render", broken)
    batcher = Batcher(engine, 0.0, queue=100)

    async def run():
        with pytest.raises(ZeroDivisionError):
            await batcher.make(GenerateRequest(id="a", seed=1, count=4 * engine.rows))
        await asyncio.sleep(0.1)

    asyncio.run(run())
    assert sum(calls) <= 2 * engine.rows
