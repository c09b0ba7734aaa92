"""Rates and quotas, with a clock that tests move."""

import asyncio
import random

import pytest

from ganray.serving import rates
from ganray.serving.rates import Allowance, LocalLedger, SharedLedger

BEGIN = 1_000 * 86_400.0  # of a day


class Clock:
    def __init__(self, now=BEGIN):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def take(ledger, cost=1.0, limit=Allowance(rate=2, burst=4), key="a"):  # noqa: B008  frozen
    return asyncio.run(ledger.take(key, limit, cost))


def test_a_burst_then_the_rate(clock):
    ledger = LocalLedger(clock)
    assert [take(ledger) for _ in range(5)] == [0, 0, 0, 0, 0.5]
    clock.now += 0.49
    assert 0 < take(ledger) < 0.02
    clock.now += 0.02
    assert take(ledger) == 0
    clock.now += 1000
    assert [take(ledger) for _ in range(5)] == [0, 0, 0, 0, 0.5]  # never more than the burst


def test_over_a_long_time_a_key_gets_its_rate_and_no_more(clock):
    ledger, dice, got = LocalLedger(clock), random.Random(3), 0
    for _ in range(4000):
        clock.now += dice.expovariate(20)
        cost = dice.choice([1, 1, 2, 7])
        got += 0 if take(ledger, cost) else cost
    elapsed = clock.now - BEGIN
    assert 0.95 * 2 * elapsed < got <= 2 * elapsed + 4 + 7


def test_more_than_the_burst_at_once_is_paid_for_afterwards(clock):
    ledger = LocalLedger(clock)
    assert take(ledger, 10) == 0  # a full bucket, and six owed
    assert take(ledger, 1) == 3.5
    assert take(ledger, 10) == 5.0  # until it is full again


def test_a_refusal_costs_nothing(clock):
    ledger = LocalLedger(clock)
    take(ledger, 4)
    waits = [take(ledger, 2) for _ in range(100)]
    assert waits == [1.0] * 100


def test_a_day_is_utc_and_ends(clock):
    ledger, limit = LocalLedger(clock), Allowance(daily=3)
    clock.now += 80_000
    assert [take(ledger, 1, limit) for _ in range(4)] == [0, 0, 0, 6400.0]
    clock.now += 6400
    assert take(ledger, 3, limit) == 0


def test_a_clock_that_is_set_back_gives_nothing_twice(clock):
    ledger, limit = LocalLedger(clock), Allowance(rate=2, burst=4, daily=100)
    take(ledger, 4, limit)
    clock.now -= 86_400
    assert take(ledger, 1, limit) > 0
    clock.now += 86_400
    assert take(ledger, 1, limit) == 0.5


def test_keys_do_not_share_and_no_limit_costs_no_memory(clock):
    ledger = LocalLedger(clock)
    take(ledger, 4)
    assert take(ledger, 4, key="b") == 0
    assert all(take(ledger, 10**6, Allowance(), key=str(number)) == 0 for number in range(10))
    assert len(ledger) == 2


def test_a_limit_that_changed_counts_at_once(clock):
    ledger = LocalLedger(clock)
    assert take(ledger, 1, Allowance(rate=10, burst=100)) == 0
    assert take(ledger, 2, Allowance(rate=10, burst=1)) == 0  # what was saved is cut to the new burst
    assert take(ledger, 1, Allowance(rate=10, burst=1)) > 0


def test_memory_is_bounded(clock, monkeypatch):
    monkeypatch.setattr(rates, "MAX_ACCOUNTS", 100)
    ledger = LocalLedger(clock)
    for number in range(1000):
        take(ledger, key=f"name-{number}")
    assert len(ledger) == 100


def test_limits_in_words():
    assert str(Allowance(20, 40, 100_000)) == "20 images a second, 40 at once, 100,000 a day"
    assert str(Allowance(daily=5)) == "5 images a day"
    assert str(Allowance(0.5)) == "0.5 images a second, 5 at once"


class Accounts:
    """The accounts that replicas share, without another process; `away` lets them fail."""

    def __init__(self, clock):
        self.ledger, self.calls, self.away = LocalLedger(clock), 0, False

    async def lease(self, key, limit, cost, ahead):
        self.calls += 1
        await asyncio.sleep(0)  # others come in between
        if self.away:
            raise ConnectionError("gr_nothing")
        return self.ledger.lease(key, limit, cost, ahead)


@pytest.mark.parametrize(("asked_per_s", "granted", "asks"), [(50, 1.0, 0.1), (300, None, 0.25)])  # half of its rate; three times as much
def test_replicas_share_a_rate_and_seldom_ask(clock, asked_per_s, granted, asks):
    accounts, limit = Accounts(clock), Allowance(rate=100, burst=200)
    replicas = [SharedLedger(accounts, 3, clock) for _ in range(3)]
    dice, got, asked = random.Random(5), 0, 0

    async def run():
        nonlocal got, asked
        for _ in range(6000):
            clock.now += dice.expovariate(asked_per_s)
            asked += 1
            got += not await dice.choice(replicas).take("a", limit, 1)

    asyncio.run(run())
    most = 100 * (clock.now - BEGIN) + 200
    assert (got == granted * asked) if granted else (0.95 * most < got <= most)
    assert accounts.calls < asks * asked


def test_what_comes_at_once_is_counted_once(clock):
    accounts, limit = Accounts(clock), Allowance(rate=1, burst=40)
    replicas = [SharedLedger(accounts, 2, clock) for _ in range(2)]

    async def run():
        return await asyncio.gather(*(replica.take("a", limit, 1) for _ in range(50) for replica in replicas))

    waits = asyncio.run(run())
    assert 35 <= waits.count(0) <= 40  # a replica may hold a little of the burst


def test_a_daily_quota_alone_seldom_asks(clock):
    accounts, limit = Accounts(clock), Allowance(daily=5_000)
    ledger = SharedLedger(accounts, 1, clock)
    waits = [take(ledger, 1, limit) for _ in range(5_100)]
    assert waits.count(0) == 5_000 and accounts.calls < 1500


def test_a_large_cost_is_refused_where_a_small_one_is_not(clock):
    ledger, limit = SharedLedger(Accounts(clock), 1, clock), Allowance(rate=1, burst=10)
    assert take(ledger, 5, limit) == 0
    assert take(ledger, 8, limit) > 0
    assert take(ledger, 1, limit) == 0


def test_while_the_ledger_is_away_each_replica_has_its_share(clock, caplog):
    accounts, limit = Accounts(clock), Allowance(rate=100, burst=40)
    replicas = [SharedLedger(accounts, 4, clock) for _ in range(4)]
    accounts.away = True
    got = 0
    for step in range(4000):
        clock.now += 0.0025
        got += take(replicas[step % 4], 1, limit) == 0
    assert 0.9 * 1000 < got <= 100 * 10 + 40 + 8
    assert accounts.calls <= 4 * 6  # every two seconds
    assert len(caplog.records) == 4 and "ConnectionError" in caplog.text and "gr_nothing" not in caplog.text
    accounts.away = False
    clock.now += 3
    assert take(replicas[0], 1, limit) == 0
    assert accounts.ledger.lease("a", limit, 39, 0)[1] > 0  # it is charged again


def test_a_ledger_that_hangs_is_not_waited_for(clock, monkeypatch):
    class Hangs:
        async def lease(self, key, limit, cost, ahead):
            await asyncio.Event().wait()

    monkeypatch.setattr(rates, "TIMEOUT_S", 0.01)
    assert take(SharedLedger(Hangs(), 1, clock)) == 0


def test_a_request_that_ends_early_gives_back_what_was_held(clock):
    accounts, limit = Accounts(clock), Allowance(rate=10, burst=40)
    ledger = SharedLedger(accounts, 1, clock)
    assert take(ledger, 1, limit) == 0
    held = ledger._held["a"]

    async def cut():
        task = asyncio.create_task(ledger.take("a", limit, 30))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cut())
    assert ledger._held["a"] == held > 0


def test_what_replicas_remember_is_bounded(clock, monkeypatch):
    monkeypatch.setattr(rates, "MAX_ACCOUNTS", 50)
    ledger = SharedLedger(Accounts(clock), 1, clock)
    for number in range(2000):
        take(ledger, 1 + 99 * (number % 2), Allowance(rate=1, burst=10, daily=50), key=f"name-{number}")
    assert len(ledger._held) <= 50 and len(ledger._refused) <= 50
