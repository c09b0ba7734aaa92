"""A budget of bytes: who goes, who waits, and that nothing in use is taken away."""

import asyncio

from ganray.config import ServeConfig
from ganray.edit_engine import Description
from ganray.serving import model_memory
from ganray.serving.context import RequestContext
from ganray.serving.model_memory import ModelMemory, Version
from ganray.serving.model_table import Source
from ganray.serving.refusals import Busy
from ganray.serving.served_model import ServedModel


def is_closed(version):
    try:
        version.served.editor._pool.submit(int).result()
    except RuntimeError:
        return True
    return False


async def put(memory, name, size):
    await memory.reserve(size)
    version = Version(
        Source(name), ServedModel.of(None, ServeConfig(threads=1)), Description(name, size, None), used=float(len(memory.current))
    )
    memory.put(version)
    return version


def names(memory):
    return [source.model for source in memory.current]


def test_the_longest_unused_one_goes_and_one_in_use_stays():
    async def run():
        memory = ModelMemory(30)
        a, b, c = [await put(memory, name, 10) for name in "abc"]
        memory.lease(a)
        await put(memory, "d", 10)
        assert names(memory) == ["a", "c", "d"] and memory.used == 30
        assert is_closed(b) and not is_closed(c)
        await put(memory, "e", 20)
        assert names(memory) == ["a", "e"] and memory.used == 30
        memory.release(a)
        await memory.settle()
        assert not is_closed(a)

    asyncio.run(run())


def test_a_large_one_in_front_is_not_overtaken_by_small_ones():
    async def run():
        memory = ModelMemory(10)
        a = memory.lease(await put(memory, "a", 5))
        order = []

        async def reserve(name, size):
            await memory.reserve(size)
            order.append(name)
            memory.give_back(size)

        waiting = [asyncio.create_task(reserve(name, size)) for name, size in (("large", 10), ("small", 1))]
        await asyncio.sleep(0.05)
        assert not order
        memory.release(a)
        await asyncio.gather(*waiting)
        assert order == ["large", "small"]

    asyncio.run(run())


def test_without_room_it_is_busy_in_bounded_time(monkeypatch):
    monkeypatch.setattr(model_memory, "ROOM_S", 0.1)

    async def run():
        memory = ModelMemory(10)
        memory.lease(await put(memory, "a", 10))
        results = await asyncio.gather(*(memory.reserve(5) for _ in range(20)), return_exceptions=True)
        assert {type(result) for result in results} == {Busy} and memory.used == 10

    asyncio.run(run())


def test_a_dropped_one_ends_with_its_last_request_and_with_what_it_still_makes():
    async def run():
        memory = ModelMemory(20)
        a = await put(memory, "a", 10)
        memory.lease(memory.lease(a))
        b = await put(memory, "a", 10)
        assert memory.current[Source("a")] is b and list(memory.versions()) == [b, a] and memory.used == 20
        memory.release(a)
        assert memory.old == [a]
        async with a.served.edits._turns.turn(RequestContext()):
            memory.release(a)
            await asyncio.sleep(0.15)
            assert not memory.old and memory.used == 20 and not is_closed(a)
        await memory.settle()
        assert memory.used == 10 and is_closed(a)

    asyncio.run(run())


def test_what_is_waited_for_is_not_dropped():
    async def run():
        memory = ModelMemory(10)
        with memory.want(Source("a")):
            await put(memory, "a", 10)
            waiting = asyncio.create_task(memory.reserve(10))
            await asyncio.sleep(0.05)
            assert names(memory) == ["a"] and not waiting.done()
        await waiting
        assert names(memory) == [] and not memory.is_wanted(Source("a"))

    asyncio.run(run())


def test_a_replacement_drops_what_is_idle_and_may_go_beyond_the_budget():
    async def run():
        memory = ModelMemory(20)
        a, b = [await put(memory, name, 10) for name in "ab"]
        memory.lease(a)
        memory.overdraw(10)
        assert names(memory) == ["a"] and memory.used == 30  # b is about to end
        await memory.settle()
        assert memory.used == 20 and is_closed(b)
        memory.overdraw(10)
        assert memory.used == 30

    asyncio.run(run())


def test_names_of_one_version_share_it():
    version = Version(Source("a"), ServedModel.of(None, ServeConfig()), Description("a", 1, None))
    faces = [version.under(name) for name in ("x", "x", "y")]
    assert {id(face.editor) for face in faces} == {id(version.served.editor)} and [face.name for face in faces] == ["x", "x", "y"]
    assert faces[0] is faces[1] and len(version.faces) == 2
