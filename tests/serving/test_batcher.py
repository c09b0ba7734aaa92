"""Failures and cancellations within a batch; that each request gets its own samples is tested over HTTP (test_app.py)."""

import asyncio
import threading
import time

import numpy as np
import pytest

from ganray.benchmarks.random_model import make_model
from ganray.config import ModelConfig
from ganray.engine import Engine
from ganray.errors import ImageError
from ganray.images.provenance import read_label
from ganray.requests import GenerateRequest
from ganray.serving import batcher
from ganray.serving.batcher import Batcher
from ganray.serving.refusals import Busy


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8), {})
    return Engine.load(folder, "cpu", threads=1)


def test_a_broken_batch_answers_all_of_it_and_the_next_one_works(engine, monkeypatch):
    made = Batcher(engine, 0.0, 100)

    async def run():
        with monkeypatch.context() as patch:
            patch.setattr(Engine, "render", lambda *_: 1 / 0)
            broken = await asyncio.gather(*(made.make(GenerateRequest(id=f"{i}", seed=i)) for i in range(3)), return_exceptions=True)
        return broken, await made.make(GenerateRequest(id="ok", seed=1))

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
    made = Batcher(engine, 0.0, queue=4)

    async def run():
        first = asyncio.create_task(made.make(GenerateRequest(id="first", seed=1)))
        await asyncio.to_thread(computing.wait, 20)
        gone = asyncio.create_task(made.make(GenerateRequest(id="gone", seed=2, count=4)))
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="the queue has no room for 1 images: 4 of at most 4 images are waiting"):
            await made.make(GenerateRequest(id="late", seed=3))
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        third = asyncio.create_task(made.make(GenerateRequest(id="third", seed=3, count=3)))
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
    made = Batcher(engine, 0.0, queue=100)

    async def run():
        with pytest.raises(ZeroDivisionError):
            await made.make(GenerateRequest(id="a", seed=1, count=4 * engine.rows))
        await asyncio.sleep(0.1)

    asyncio.run(run())
    assert sum(calls) <= 2 * engine.rows


class Device(Engine):
    """Renders elsewhere, for a while; the CPU is free meanwhile."""

    offloads = True
    seconds = 0.05

    def _launch(self, z, labels):
        self.log.append(("renders", time.monotonic()))
        time.sleep(self.seconds)
        self.log.append(("rendered", time.monotonic()))
        return lambda: np.zeros((len(z), 8, 8, 3), np.uint8)


@pytest.fixture
def device(engine):
    made = Device(engine.generator, engine.info, "cpu", 1)
    made.log = []
    return made


def slow_encoding(monkeypatch, seconds, encoding):
    """`encoding` gets (now under way, samples) at the beginning of each one."""
    whole, lock, now = batcher.encode_sample, threading.Lock(), [0]

    def slow(pixels, file):
        with lock:
            now[0] += 1
            encoding.append(now[0])
        time.sleep(seconds)
        with lock:
            now[0] -= 1
        return whole(pixels, file)

    monkeypatch.setattr(batcher, "encode_sample", slow)


async def ask(made, num):
    return await asyncio.gather(*(made.make(GenerateRequest(id=f"{i}", seed=i)) for i in range(num)))


def test_a_device_renders_while_encoders_encode(device, monkeypatch):
    """Encoding a batch takes as long as rendering one: the device waits for none but the last."""
    encoding = []
    slow_encoding(monkeypatch, 4 * Device.seconds / device.rows, encoding)
    made = asyncio.run(ask(Batcher(device, 0.05, 1000, encoders=4), 8 * device.rows))
    assert [read_label(sample.data)["ganray:RequestID"] for (sample,) in made] == [f"{i}-0" for i in range(8 * device.rows)]
    times = [time for _, time in device.log]
    assert len(device.log) == 16 and times[-1] - times[0] < 8 * Device.seconds * 1.6
    assert max(encoding) == 4


def test_slow_encoders_hold_the_device_up_before_much_memory_is_taken(device, monkeypatch):
    waiting, encoded, hand_on = [], [], Batcher._hand_on

    def look(self, batch, rendering):
        hand_on(self, batch, rendering)
        waiting.append(self._rendered)

    monkeypatch.setattr(Batcher, "_hand_on", look)
    slow_encoding(monkeypatch, 0.01, encoded)
    asyncio.run(ask(Batcher(device, 0.05, 1000, encoders=2), 12 * device.rows))
    assert device.rows < max(waiting) < (batcher.RENDERED + 2) * device.rows  # two more were drawn or rendered already


def test_a_batch_that_is_not_full_waits_for_more_while_the_device_is_busy(device):
    async def run():
        made = Batcher(device, 0.0, 1000, encoders=2)
        first = asyncio.create_task(ask(made, 1))
        while not device.log:
            await asyncio.sleep(0.001)
        rest = [asyncio.create_task(ask(made, 1)) for _ in range(5)]
        await asyncio.gather(first, *rest)

    asyncio.run(run())
    assert [what for what, _ in device.log].count("renders") == 2


def test_on_a_cpu_no_more_threads_compute_and_encode_than_there_are_lanes(engine, monkeypatch):
    encoding = []
    slow_encoding(monkeypatch, 0.001, encoding)
    two = Engine(engine.generator, engine.info, "cpu", 2)
    asyncio.run(ask(Batcher(two, 0.0, 1000), 8 * two.rows))
    assert max(encoding) <= 2


def test_a_broken_batch_of_a_device_and_a_broken_label_cost_no_other_one(device, monkeypatch):
    left, whole = [1], batcher.encode_sample
    monkeypatch.setattr(device, "_launch", lambda z, labels: left.pop() / 0 if left else Device._launch(device, z, labels))

    def unlabelled(pixels, file):
        if file.request_id == "bad":
            raise ImageError("label_unverified", "the label does not read back")
        return whole(pixels, file)

    monkeypatch.setattr(batcher, "encode_sample", unlabelled)

    async def run():
        made = Batcher(device, 0.0, 100, encoders=2)
        with pytest.raises(ZeroDivisionError):
            await made.make(GenerateRequest(id="a", seed=1))
        requests = (made.make(GenerateRequest(id=name, seed=1)) for name in ("good", "bad", "fine"))
        return await asyncio.gather(*requests, return_exceptions=True)

    assert [type(result) for result in asyncio.run(run())] == [list, ImageError, list]
