"""One timer for many alarms."""

import asyncio
import time

from ganray.serving.alarms import Alarms


def test_alarms_ring_in_their_order_and_not_before_their_time():
    async def run():
        alarms, rung, all_rung = Alarms(), [], asyncio.Event()

        def ring(name, at):
            rung.append((name, time.monotonic() >= at))
            if len(rung) == 3:
                all_rung.set()

        now = time.monotonic()
        for name, seconds in (("last", 0.09), ("first", 0.03), ("second", 0.06)):
            alarms.set(now + seconds, lambda name=name, at=now + seconds: ring(name, at))
        await asyncio.wait_for(all_rung.wait(), 20)
        return rung, len(alarms)

    rung, left = asyncio.run(run())
    assert sorted(rung) == [("first", True), ("last", True), ("second", True)] and left == 0


def test_one_that_is_taken_back_does_not_ring_and_is_not_kept():
    async def run():
        alarms, rung, end = Alarms(), [], asyncio.Event()
        alarm = alarms.set(time.monotonic() + 0.01, lambda: rung.append("taken back"))
        alarms.set(time.monotonic() + 0.03, end.set)
        alarms.take_back(alarm)
        alarms.take_back(alarm)
        assert len(alarms) == 1
        await asyncio.wait_for(end.wait(), 20)
        return rung

    assert asyncio.run(run()) == []


def test_many_take_one_timer():
    async def run():
        alarms, now = Alarms(), time.monotonic()
        loop, timers = asyncio.get_running_loop(), []
        whole = loop.call_later
        loop.call_later = lambda *given: timers.append(given) or whole(*given)
        for number in range(1000):
            alarms.take_back(alarms.set(now + 60 + number, print))
        return len(timers)

    assert asyncio.run(run()) == 1


def test_a_time_that_has_passed_rings_at_once_and_a_second_loop_rings_too():
    alarms = Alarms()

    async def run():
        rung = asyncio.Event()
        alarms.set(time.monotonic() - 1, rung.set)
        await asyncio.wait_for(rung.wait(), 20)
        alarms.set(time.monotonic() + 60, print)  # its timer ends with the loop

    asyncio.run(run())
    asyncio.run(run())
