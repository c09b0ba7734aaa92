"""A loop that is held up is late, and one that is idle is not."""

import asyncio
import time

from ganray.serving.loop_lag import EVERY_S, LoopLag


def test_a_loop_that_was_held_up_is_late_until_it_has_caught_up():
    async def run():
        lag = LoopLag()
        idle = lag.seconds()
        await asyncio.sleep(0)
        time.sleep(EVERY_S + 0.3)
        held_up = lag.seconds()
        await asyncio.sleep(0)  # the timer rings: it was late
        told = lag.seconds()
        for _ in range(100):
            await asyncio.sleep(EVERY_S)
            if lag.seconds() < 0.1:
                break
        return idle, held_up, told, lag.seconds()

    idle, held_up, told, after = asyncio.run(run())
    assert idle == 0.0 and held_up >= 0.3 and told >= 0.3 and after < 0.1


def test_each_loop_has_its_own_timer():
    lag = LoopLag()

    async def late():
        lag.seconds()
        time.sleep(EVERY_S + 0.2)
        return lag.seconds()

    async def idle():
        return lag.seconds()

    assert asyncio.run(late()) >= 0.2 and asyncio.run(idle()) == 0.0


def test_a_single_pause_does_not_last_and_two_in_a_row_do():
    async def run(pauses):
        lag, lasting = LoopLag(), []
        lag.seconds()
        for _ in range(pauses):
            time.sleep(EVERY_S + 0.3)
            lasting.append(lag.lasting())  # within the pause: its timer has not rung
            await asyncio.sleep(0)  # puts the timer after this task
            await asyncio.sleep(0)
        lasting.append(lag.lasting())
        for _ in range(100):
            await asyncio.sleep(EVERY_S)
            if lag.seconds() < 0.1:
                break
        await asyncio.sleep(2 * EVERY_S)
        return lasting

    assert asyncio.run(run(1)) == [0.0, 0.0]
    first, second, after = asyncio.run(run(2))
    assert first == 0.0 and second >= 0.3 and after >= 0.3
