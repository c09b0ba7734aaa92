"""Which models a server has: what routes ask for one by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from ganray.serving.context import Caller
from ganray.serving.refusals import NotFound
from ganray.serving.served_model import ServedModel


class Models(Protocol):
    """Finds models by name: "" is the default one, `shop-a/latest` an alias, `NAME@DIGEST` one version."""

    def lease(self, name: str, caller: Caller) -> AbstractAsyncContextManager[ServedModel]:
        """The model, kept in memory until the context ends. Raises NotFound where there is none that the caller may see."""
        ...

    async def cards(self, caller: Caller) -> list[dict[str, Any]]:
        """What GET /v1/models tells a caller."""
        ...

    def require(self) -> None:
        """Return where the server can answer. Raises Unhealthy."""
        ...


class OneModel:
    """A server of one model, which everybody sees."""

    def __init__(self, model: ServedModel) -> None:
        self.model = model

    @asynccontextmanager
    async def lease(self, name: str, caller: Caller) -> AsyncIterator[ServedModel]:
        """The model. Raises NotFound for another name."""
        digest = self.model.digest
        if name and name.rpartition("@")[2] not in (self.model.name, digest, digest[:12]):
            raise NotFound(f"model {name[:100]!r} is not served here", "GET /v1/models lists those that are")
        yield self.model

    async def cards(self, caller: Caller) -> list[dict[str, Any]]:
        """The model's card, if it generates."""
        card = self.model.card()
        return [card] if card["generates"] else []

    def require(self) -> None:
        """Raises Unhealthy where the engine has ceased to render."""
        if self.model.health is not None:
            self.model.health.require()
