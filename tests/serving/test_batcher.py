"""Failures, cancellations, deadlines and shares of the queue; that each request gets its own samples is tested over HTTP (test_app.py)."""

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
from ganray.serving.context import Caller, RequestContext
from ganray.serving.refusals import Busy, DeadlineExceeded


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
    """`encoding` gets how many are under way at the beginning of each one; returned is a list that gets an item at the end of each."""
    whole, lock, now, ended = batcher.encode_sample, threading.Lock(), [0], []

    def slow(pixels, file):
        with lock:
            now[0] += 1
            encoding.append(now[0])
        time.sleep(seconds)
        with lock:
            now[0] -= 1
        ended.append(file)
        return whole(pixels, file)

    monkeypatch.setattr(batcher, "encode_sample", slow)
    return ended


async def ask(made, num):
    return await asyncio.gather(*(made.make(GenerateRequest(id=f"{i}", seed=i)) for i in range(num)))


def test_a_device_renders_while_encoders_encode(device, monkeypatch):
    """Encoding a batch takes as long as rendering one: it goes on while the next ones are rendered."""
    encoding, beside, whole = [], [], Device._launch
    ended = slow_encoding(monkeypatch, 4 * Device.seconds / device.rows, encoding)

    def launched(self, z, labels):
        before = len(ended)
        launch = whole(self, z, labels)
        beside.append(len(ended) - before)
        return launch

    monkeypatch.setattr(Device, "_launch", launched)
    made = asyncio.run(ask(Batcher(device, 0.05, 1000, encoders=4), 8 * device.rows))
    assert [read_label(sample.data)["ganray:RequestID"] for (sample,) in made] == [f"{i}-0" for i in range(8 * device.rows)]
    assert len(beside) == 8 and beside[0] == 0 and sum(num > 0 for num in beside) >= 5
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


class Gate:
    """An engine whose batches wait until they are let go; `rows` has the ids of each batch that was drawn."""

    def __init__(self, engine, monkeypatch):
        self.rows, self.begun, self._let_go = [], threading.Semaphore(0), threading.Semaphore(0)
        draw, render = Engine.draw, Engine.render

        def drawn(of, samples):
            self.rows.append([request.id for request, _ in samples])
            return draw(of, samples)

        def rendered(of, z, labels):
            self.begun.release()
            assert self._let_go.acquire(timeout=20)
            return render(of, z, labels)

        monkeypatch.setattr(Engine, "draw", drawn)
        monkeypatch.setattr(Engine, "render", rendered)

    async def wait_for_a_batch(self):
        assert await asyncio.to_thread(self.begun.acquire, timeout=20)

    def let_go(self, batches=1000):
        self._let_go.release(batches)


@pytest.fixture
def gate(engine, monkeypatch):
    return Gate(engine, monkeypatch)


def of(key, seconds=None, priority="interactive", weight=1.0):
    context = RequestContext(caller=Caller(key=key, weight=weight), priority=priority)
    context.deadline = None if seconds is None else time.monotonic() + seconds
    return context


async def blocked(made, gate):
    """A batch is being made, so that what comes next waits."""
    first = asyncio.create_task(made.make(GenerateRequest(id="first", seed=1), of("first")))
    await gate.wait_for_a_batch()
    return first


async def start(made, id, context, count=1):
    task = asyncio.create_task(made.make(GenerateRequest(id=id, seed=1, count=count), context))
    await asyncio.sleep(0)
    return task


def test_a_flood_delays_another_key_by_no_more_than_a_batch(engine, gate):
    made = Batcher(engine, 0.0, 1000)

    async def run():
        tasks = [await blocked(made, gate)]
        tasks += [await start(made, "flood", of("flood"), 8) for _ in range(10)]
        tasks.append(await start(made, "quiet", of("quiet")))
        gate.let_go()
        return await asyncio.gather(*tasks)

    answers = asyncio.run(run())
    assert [len(answer) for answer in answers] == [1, *[8] * 10, 1]
    assert "quiet" in gate.rows[1]


def test_interactive_goes_before_batch(engine, gate):
    made = Batcher(engine, 0.0, 1000)

    async def run():
        tasks = [await blocked(made, gate), await start(made, "batch", of("a", priority="batch"), 3 * engine.rows)]
        tasks.append(await start(made, "interactive", of("a"), 2 * engine.rows))
        gate.let_go()
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert all(0 < rows.count("batch") <= engine.rows // 4 for rows in gate.rows[1:3])


def test_who_waits_beyond_its_deadline_gets_504_leaves_the_queue_and_costs_no_work(engine, gate):
    made = Batcher(engine, 0.0, 1000)

    async def run():
        first, context = await blocked(made, gate), of("a", 0.3)
        with pytest.raises(DeadlineExceeded, match="while the request waited"):
            await made.make(GenerateRequest(id="late", seed=1, count=5), context)
        assert time.monotonic() >= context.deadline and made.outstanding == 1 and set(context.stages) == {"queue"}
        kept = await start(made, "kept", of("a", 60.0))
        gate.let_go()
        await asyncio.gather(first, kept)
        assert not len(made._alarms)

    asyncio.run(run())
    assert gate.rows == [["first"], ["kept"]]


def test_a_deadline_that_passes_while_images_are_made_is_kept_and_they_are_not_encoded(engine, gate, monkeypatch):
    encoded, whole = [], batcher.encode_sample
    monkeypatch.setattr(batcher, "encode_sample", lambda pixels, file: encoded.append(file.request_id) or whole(pixels, file))
    made = Batcher(engine, 0.0, 1000)

    async def run():
        late = asyncio.create_task(made.make(GenerateRequest(id="late", seed=1), of("a", 5.0)))
        await gate.wait_for_a_batch()
        for alarm in list(made._alarms._alarms):
            alarm.call()  # as if the five seconds were over
        with pytest.raises(DeadlineExceeded, match="while its images were made"):
            await late
        gate.let_go()
        await made.make(GenerateRequest(id="next", seed=1))

    asyncio.run(run())
    assert encoded == ["next"]


def test_a_deadline_that_has_passed_is_refused_at_once(engine):
    with pytest.raises(DeadlineExceeded, match="before the request was queued"):
        asyncio.run(Batcher(engine, 0.0, 10).make(GenerateRequest(id="a", seed=1), of("a", -0.001)))


def test_what_would_not_be_ready_in_time_is_refused_at_once_but_not_for_another_key_s_flood(engine, gate):
    made = Batcher(engine, 0.0, 1000)

    async def run():
        tasks = [await blocked(made, gate), await start(made, "flood", of("flood"), 64), await start(made, "flood", of("flood"), 36)]
        now = time.monotonic()
        for batch in range(100):
            made._pace.count(10, now - 1 + batch / 100, busy=True)  # 10 images in 10 ms
        made._pace.count(1000, now + 9.0, busy=True)  # and 1,000 in 10 s: about 100 a second
        wait = made._pace.seconds(102, now)
        assert 0.5 < wait < 5
        with pytest.raises(Busy, match=r"1 images would take .* and .* remain") as refused:
            await made.make(GenerateRequest(id="refused", seed=1), of("flood", wait))
        assert refused.value.retry_after == pytest.approx(max(1.0, wait), rel=0.05)
        tasks.append(await start(made, "quiet", of("quiet", wait)))
        tasks.append(await start(made, "patient", of("flood", 3 * wait)))
        await asyncio.sleep(0)
        assert not tasks[-1].done() and not tasks[-2].done()
        gate.let_go()
        return await asyncio.gather(*tasks)

    asyncio.run(run())


def test_a_key_that_floods_makes_room_for_one_that_has_less_than_its_share(engine, gate):
    """Its newest request is refused for it; alone it may use the whole queue."""
    made = Batcher(engine, 0.0, queue=16)

    async def run():
        first = await blocked(made, gate)
        flood = [await start(made, f"flood{number}", of("flood"), 4) for number in range(4)]
        with pytest.raises(Busy, match="16 of at most 16"):
            await made.make(GenerateRequest(id="more", seed=1), of("flood"))
        quiet = await start(made, "quiet", of("quiet"), 8)
        with pytest.raises(Busy, match="no room"):  # that would be more than half
            await made.make(GenerateRequest(id="quiet too", seed=1), of("quiet"))
        third = await start(made, "third", of("third"))  # and one more of the flood's goes
        gate.let_go()
        return await asyncio.gather(first, *flood, quiet, third, return_exceptions=True)

    answers = asyncio.run(run())
    assert [type(answer) for answer in answers] == [list, list, Busy, Busy, Busy, list, list]


def test_retry_after_is_what_waits_over_what_is_made_a_second(engine, gate):
    made = Batcher(engine, 0.0, queue=64)

    async def run():
        tasks = [await blocked(made, gate), await start(made, "a", of("a"), 64)]
        now = time.monotonic()
        for batch in range(11):
            made._pace.count(1, now - 1 + batch / 10, busy=True)  # 10 a second
        with pytest.raises(Busy) as refused:
            await made.make(GenerateRequest(id="b", seed=1), of("a"))
        gate.let_go()
        await asyncio.gather(*tasks)
        return refused.value

    assert asyncio.run(run()).retry_after == pytest.approx(6.5, rel=0.1)


def test_the_stages_of_a_request_add_up_to_its_time(engine):
    context, made = of("a"), Batcher(engine, 0.001, 100)

    async def run():
        began = time.monotonic()
        await made.make(GenerateRequest(id="a", seed=1, count=2 * engine.rows), context)
        return time.monotonic() - began

    seconds = asyncio.run(run())
    assert set(context.stages) == {"queue", "draw", "encode"} and all(part > 0 for part in context.stages.values())
    assert sum(context.stages.values()) <= seconds


def test_nothing_is_left_of_many_requests_that_were_made_refused_cancelled_and_late(engine):
    """Whatever happens to them, in whatever order: no sample is lost, made twice or kept."""
    made = Batcher(engine, 0.0, queue=40)

    async def one(number):
        context = of(f"key{number % 7}", 0.002 if number % 11 == 0 else 30.0, "batch" if number % 3 else "interactive")
        request = made.make(GenerateRequest(id=f"{number}", seed=number, count=1 + number % 5), context)
        if number % 13 == 0:
            request = asyncio.wait_for(request, 0.001)
        try:
            answer = await request
        except (Busy, DeadlineExceeded, TimeoutError) as error:
            return type(error)
        assert [read_label(sample.data)["ganray:RequestID"] for sample in answer] == [
            f"{number}-{place}" for place in range(1 + number % 5)
        ]
        return list

    async def run():
        kinds = []
        for start in range(0, 300, 30):
            kinds += await asyncio.gather(*(one(number) for number in range(start, start + 30)))
        while made.outstanding:
            await asyncio.sleep(0.001)
        assert not len(made._alarms) and made._free == engine.lanes
        return kinds

    assert {list, Busy} <= set(asyncio.run(run()))


def test_batches_and_what_waits_can_be_counted(engine, gate):
    made, batches = Batcher(engine, 0.0, 100), []
    made.on_batch = lambda drawn, rows: batches.append((drawn, rows))

    async def run():
        tasks = [await blocked(made, gate), await start(made, "a", of("a"), engine.rows + 1)]
        assert (made.waiting, made.outstanding) == (engine.rows + 1, engine.rows + 2)
        gate.let_go()
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert batches == [(drawn, engine.rows) for drawn in (1, engine.rows, 1)]
