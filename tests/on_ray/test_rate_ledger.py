"""The accounts that replicas share, in an actor of a real cluster; how replicas use them is tests/serving/test_rates.py."""

import asyncio

import pytest
import ray

from ganray.on_ray.rate_ledger import NAMESPACE, actor_name, shared_ledger, stop_ledger
from ganray.serving import rates
from ganray.serving.rates import Allowance

pytestmark = pytest.mark.ray
LIMIT = Allowance(rate=0.01, burst=10)  # what comes back within the test is less than one image


@pytest.fixture
def application(cluster):
    yield "test-rates"
    stop_ledger("test-rates")
    stop_ledger("test-rates")  # idempotent


def test_replicas_share_accounts_go_on_without_them_and_find_them_again(application, monkeypatch):
    monkeypatch.setattr(rates, "TIMEOUT_S", 30.0)  # a busy machine starts the actor in seconds; a dead one is told at once
    first, second = shared_ledger(application, 2), shared_ledger(application, 2)

    async def count(*ledgers, key="a"):
        """How many of twenty images are granted."""
        return [await ledgers[place % len(ledgers)].take(key, LIMIT, 1) for place in range(20)].count(0.0)

    async def run():
        assert 9 <= await count(first, second) <= 10  # one may hold a fraction of an image
        assert await count(first) == 0
        assert await count(first, key="b") == 10
        ray.kill(ray.get_actor(actor_name(application), NAMESPACE), no_restart=True)
        assert await count(first, key="c") == 5  # its share, meanwhile
        first._away_until = 0.0  # as two seconds later
        assert await count(first, key="d") >= 9
        assert await count(second, key="d") == 5  # it, too, learns by a call that fails
        second._away_until = 0.0
        assert await count(second, key="d") == 0

    asyncio.run(run())


def test_the_accounts_outlive_the_replica_that_opened_them(application):
    @ray.remote(num_cpus=0)
    class Replica:
        def take(self, cost):
            return asyncio.run(shared_ledger(application, 1).take("a", LIMIT, cost))

    first = Replica.remote()
    assert ray.get(first.take.remote(10)) == 0
    ray.kill(first)
    second = Replica.remote()
    assert ray.get(second.take.remote(5)) > 0
    ray.kill(second)
