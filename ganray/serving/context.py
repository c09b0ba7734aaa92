"""What middleware learns about a request before a route sees it: its id, who sends it, until when it is of use."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

Scope = Literal["generate", "edit", "check", "models", "jobs", "metrics"]
SCOPES: frozenset[Scope] = frozenset({"generate", "edit", "check", "models", "jobs", "metrics"})
Priority = Literal["interactive", "batch"]
STATE = "ganray"  # key of `scope["state"]`


@dataclass(frozen=True)
class Caller:
    """Who sends a request. `key` is the name of an API key, never the key itself; `tenant` is whose models it sees (empty: all);
    `weight` is its share where keys compete."""

    key: str = "local"
    tenant: str = ""
    scopes: frozenset[Scope] = SCOPES
    weight: float = 1.0


@dataclass
class RequestContext:
    """One request on its way through the server. `stages` has the seconds spent in queue, draw and encode; `model` what answered with so
    many `images`; `bytes_in` is the size of the body that was read.
    """

    id: str = ""
    caller: Caller = Caller()
    priority: Priority = "interactive"
    deadline: float | None = None  # of time.monotonic()
    model: str = ""
    bytes_in: int = 0
    images: int = 0
    stages: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def remaining(self) -> float | None:
        """Seconds until the deadline; None without one."""
        return None if self.deadline is None else self.deadline - time.monotonic()


def context_of(scope: Any) -> RequestContext:
    """The context of an ASGI scope; a new one where no middleware has made it."""
    state = scope.setdefault("state", {})
    context: RequestContext = state.setdefault(STATE, RequestContext())
    return context
