"""The accounts of keys that all replicas of an application share: an actor that holds a `LocalLedger`, and its client.

The actor is found by its name, so that replicas need no handle from one another. Where it or its host is lost Ray starts another one, with
full buckets and a new day; replicas go on meanwhile (`serving.rates.SharedLedger`).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import ray
from ray.exceptions import ActorDiedError, RayError

from ganray.serving.rates import Allowance, LocalLedger, SharedLedger

NAMESPACE = "ganray"
START_S = 20.0  # for its process


class RayAccounts:
    """`SharedAccounts` in the actor of an application, which is started where there is none."""

    def __init__(self, application: str) -> None:
        self._name = actor_name(application)
        self._actor = _open(self._name)

    async def lease(self, key: str, limit: Allowance, cost: float, ahead: float) -> tuple[float, float]:
        """See LocalLedger.lease. Raises RayError where the actor does not answer."""
        try:
            charged, wait = await self._actor.lease.remote(key, limit, cost, ahead)
        except ActorDiedError:  # for good: somebody has stopped it. The next call finds another one
            self._actor = await asyncio.to_thread(_open, self._name)
            raise
        return float(charged), float(wait)


def shared_ledger(application: str, replicas: int) -> SharedLedger:
    """The ledger of a replica of an application."""
    return SharedLedger(RayAccounts(application), replicas)


def stop_ledger(application: str) -> None:
    """End the actor of an application that is served no longer; idempotent."""
    with contextlib.suppress(ValueError):  # there is none
        ray.kill(ray.get_actor(actor_name(application), NAMESPACE), no_restart=True)


def actor_name(application: str) -> str:
    """The name of the actor of an application."""
    return f"rates-{application}"


def _open(name: str) -> Any:
    """The actor of a name, when it answers. It is nobody's, so that it outlives the replica that started it; it takes no CPU."""
    options: dict[str, Any] = {"name": name, "namespace": NAMESPACE, "lifetime": "detached", "get_if_exists": True, "num_cpus": 0}
    actor: Any = ray.remote(LocalLedger).options(max_restarts=-1, **options).remote()
    with contextlib.suppress(TimeoutError, RayError):  # on a busy machine: replicas begin with their shares of limits
        actor.lease.remote("", Allowance(), 0.0, 0.0).future().result(START_S)  # `ray.get` would warn within Serve's replicas
    return actor
