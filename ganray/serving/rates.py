"""How much a key may ask for: a token bucket of images a second, and a number of images a day.

A ledger keeps the accounts. One process has a LocalLedger. Replicas share one through SharedLedger: each takes small allowances ahead, so
that most requests wait for no other process (on_ray/rate_ledger.py has the shared one).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

V = TypeVar("V")
MAX_ACCOUNTS = 100_000  # 200 bytes each; beyond, the one that was used longest ago begins anew
BURST_SECONDS = 10.0  # of the rate, where a key has no burst
DAY = 86_400.0
AHEAD_S = 0.5  # of its rate: what a replica takes ahead, where its part of the bucket is as large
AHEAD_OF_DAY = 0.001  # of its images of a day, where a key has no rate
PAUSE_S = 0.1  # after a refusal, so that a key at its limit asks for a tenth of a second at a time
TIMEOUT_S, AWAY_S = 0.5, 2.0  # of an answer of the shared ledger; how long it is left alone after none


@dataclass(frozen=True)
class Allowance:
    """What a key may ask for: images a second, at once, and a day; None: no limit."""

    rate: float | None = None
    burst: float | None = None
    daily: int | None = None

    @property
    def size(self) -> float:
        """The size of the bucket."""
        return self.burst or max(1.0, (self.rate or 0.0) * BURST_SECONDS)

    def __bool__(self) -> bool:
        return self.rate is not None or self.daily is not None

    def __str__(self) -> str:
        """For a message, e.g. `20 images a second, 40 at once, 1,000 a day`."""
        parts = [] if self.rate is None else [f"{self.rate:g} images a second, {self.size:g} at once"]
        if self.daily is not None:
            parts.append(f"{self.daily:,}{'' if parts else ' images'} a day")
        return ", ".join(parts)

    def share(self, replicas: int) -> Allowance:
        """The part of one of several replicas."""
        rate = None if self.rate is None else self.rate / replicas
        daily = None if self.daily is None else max(1, self.daily // replicas)
        return Allowance(rate, None if self.burst is None else max(1.0, self.burst / replicas), daily)


class Ledger(Protocol):
    """Keeps the accounts of keys."""

    async def take(self, key: str, limit: Allowance, cost: float) -> float:
        """Charge `cost` images to a key: 0.0, or the seconds after which it may have them. Then nothing is charged."""
        ...


class SharedAccounts(Protocol):
    """The ledger of several replicas, in another process."""

    async def lease(self, key: str, limit: Allowance, cost: float, ahead: float) -> tuple[float, float]:
        """See LocalLedger.lease. Raises where it cannot be reached."""
        ...


@dataclass
class _Account:
    tokens: float
    at: float  # when there were so many
    day: int
    taken: float = 0.0  # on that day


class LocalLedger:
    """The accounts of one process. Not thread-safe: one event loop, or one actor."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def __len__(self) -> int:
        return len(self._accounts)

    async def take(self, key: str, limit: Allowance, cost: float) -> float:
        """As Ledger."""
        return self.lease(key, limit, cost, 0.0)[1]

    def lease(self, key: str, limit: Allowance, cost: float, ahead: float) -> tuple[float, float]:
        """Charge `cost`, and up to `ahead` more where there is as much: what was charged, or 0.0 and the seconds to wait.

        A cost over the bucket's size takes a full bucket, which then is in debt: the key pays by waiting longer for what comes next.
        """
        if not limit:
            return cost, 0.0
        now = self._clock()
        account = self._account(key, limit, now)
        if limit.daily is not None and account.taken + cost > limit.daily:
            return 0.0, (int(now // DAY) + 1) * DAY - now
        if limit.rate is not None:
            needed = min(cost, limit.size)
            if account.tokens < needed:
                return 0.0, (needed - account.tokens) / limit.rate
            account.tokens -= cost
            ahead = min(ahead, max(0.0, account.tokens))
            account.tokens -= ahead
        if limit.daily is not None:
            ahead = min(ahead, limit.daily - account.taken - cost)
        account.taken += cost + ahead
        return cost + ahead, 0.0

    def _account(self, key: str, limit: Allowance, now: float) -> _Account:
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = _Account(limit.size, now, int(now // DAY))
            if len(self._accounts) > MAX_ACCOUNTS:
                self._accounts.popitem(last=False)
        self._accounts.move_to_end(key)
        if limit.rate is not None:
            account.tokens = min(limit.size, account.tokens + max(0.0, now - account.at) * limit.rate)
        account.at = max(account.at, now)  # a clock that is set back gives nothing twice
        if (day := int(now // DAY)) > account.day:
            account.day, account.taken = day, 0.0
        return account


class SharedLedger:
    """A replica's ledger: what it holds ahead, and the shared accounts behind that.

    A refusal is remembered until its time is over, so that a key that floods does not flood the shared ledger as well. While that cannot be
    reached, each replica goes on with its share of every limit, in accounts of its own. What replicas hold and do not spend is the most by
    which a key gets less than its burst at once; the rate it gets is not less.
    """

    def __init__(self, accounts: SharedAccounts, replicas: int, clock: Callable[[], float] = time.time) -> None:
        self._accounts, self._replicas, self._clock = accounts, max(1, replicas), clock
        self._own = LocalLedger(clock)
        self._held: OrderedDict[str, float] = OrderedDict()
        self._refused: OrderedDict[str, tuple[float, float]] = OrderedDict()  # until when, from which cost on
        self._away_until = 0.0

    async def take(self, key: str, limit: Allowance, cost: float) -> float:
        """As Ledger."""
        if not limit:
            return 0.0
        if self._spend(key, cost):
            return 0.0
        now = self._clock()
        until, least = self._refused.get(key, (0.0, 0.0))
        if now < until and cost >= least:
            return until - now
        wait = None if now < self._away_until else await self._ask(key, limit, cost)
        return await self._own.take(key, limit.share(self._replicas), cost) if wait is None else wait

    async def _ask(self, key: str, limit: Allowance, cost: float) -> float | None:
        """What the shared ledger says; None where it does not answer."""
        try:
            wait = await self._lease(key, limit, cost)
        except Exception as error:  # another process, perhaps on a host that is gone
            if not self._away_until:
                logging.getLogger(__name__).warning("rates: the shared ledger does not answer (%s): shares of limits", type(error).__name__)
            self._away_until = self._clock() + AWAY_S
            return None
        self._away_until = 0.0
        if wait and self._spend(key, cost):  # another request of the key took more ahead meanwhile
            return 0.0
        if wait:
            wait = max(wait, min(PAUSE_S, limit.size / (2 * limit.rate)) if limit.rate else 0.0)
            _keep(self._refused, key, (self._clock() + wait, cost))
        else:
            self._refused.pop(key, None)
        return wait

    def _spend(self, key: str, cost: float) -> bool:
        """Take a cost from what is held, if it is as much."""
        held = self._held.get(key, 0.0)
        if held >= cost:
            _keep(self._held, key, held - cost)
        return held >= cost

    async def _lease(self, key: str, limit: Allowance, cost: float) -> float:
        """Take what is held, and the rest and a little ahead from the shared ledger; what is not spent is held again."""
        held = self._held.pop(key, 0.0)  # at once, since another request of the key may come before the answer
        rest = held
        try:
            charged, wait = await asyncio.wait_for(self._accounts.lease(key, limit, cost - held, self._ahead(limit)), TIMEOUT_S)
            if not wait:
                rest = max(0.0, held + charged - cost)
            return wait
        finally:
            if rest:
                _keep(self._held, key, self._held.get(key, 0.0) + rest)

    def _ahead(self, limit: Allowance) -> float:
        """So little that what all replicas hold is at most a quarter of a bucket, or a thousandth of a day."""
        if limit.rate is not None:
            return min(limit.rate * AHEAD_S, limit.size / (4 * self._replicas))
        return (limit.daily or 0) * AHEAD_OF_DAY / self._replicas


def _keep(table: OrderedDict[str, V], key: str, value: V) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > MAX_ACCOUNTS:
        table.popitem(last=False)
