"""Turns: so many at a time, fairly between keys, and none lost to those that leave."""

import asyncio

import pytest

from ganray.serving.context import Caller, RequestContext
from ganray.serving.turns import Turns


def context(key):
    return RequestContext(caller=Caller(key))


def test_so_many_at_a_time_and_a_flood_waits_behind_another_key():
    order = []

    async def work(turns, key):
        async with turns.turn(context(key)):
            assert turns.outstanding <= 12
            order.append(key)
            await asyncio.sleep(0)

    async def run():
        turns = Turns(1)
        flood = [asyncio.create_task(work(turns, "flood")) for _ in range(10)]
        await asyncio.sleep(0)
        await asyncio.gather(*flood, asyncio.create_task(work(turns, "small")))
        return turns.outstanding

    assert asyncio.run(run()) == 0
    assert order.index("small") <= 2


@pytest.mark.parametrize("late", [False, True])
def test_who_leaves_takes_no_turn_along(late):
    """Before its turn, or at the very moment when it comes."""

    async def run():
        turns, go_on = Turns(1), asyncio.Event()

        async def hold():
            async with turns.turn(context("a")):
                await go_on.wait()

        async def wait():
            async with turns.turn(context("b")):
                return "done"

        holder = asyncio.create_task(hold())
        await asyncio.sleep(0)
        leaver, stayer = asyncio.create_task(wait()), asyncio.create_task(wait())
        await asyncio.sleep(0)
        if late:
            go_on.set()
            await holder
        leaver.cancel()
        go_on.set()
        return await asyncio.wait_for(stayer, 5), turns.outstanding

    assert asyncio.run(run()) == ("done", 0)
