"""Which models a server has: what routes ask for one by name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar, Protocol

from ganray.serving.context import Caller
from ganray.serving.health import Health
from ganray.serving.refusals import Busy, NotFound
from ganray.serving.served_model import ServedModel

Key = Callable[[], str]
_DIGEST = re.compile(r"[0-9a-f]{12,}")


class ModelUnavailable(Busy):
    """A model that there is, and that cannot be loaded now."""

    code: ClassVar[str] = "model_unavailable"


class Models(Protocol):
    """Finds models by name: "" is the default one, `shop-a/latest` an alias, `NAME@DIGEST` one version of it (12 or more digits).

    A digest alone is a version of the default one.
    """

    def lease(self, name: str, caller: Caller, key: Key = str) -> AbstractAsyncContextManager[ServedModel]:
        """The model, kept in memory until the context ends. `key` is called where traffic is divided: equal ones get the same model.

        Raises NotFound where there is none that the caller may see, ModelUnavailable where it cannot be loaded.
        """
        ...

    def loaded(self, name: str, caller: Caller) -> ServedModel | None:
        """The model that `lease` would give without waiting, where that is known without the request's body; else None."""
        ...

    async def cards(self, caller: Caller) -> list[dict[str, Any]]:
        """What GET /v1/models tells a caller."""
        ...

    def require(self) -> None:
        """Return where the server can answer. Raises Unhealthy."""
        ...

    async def close(self) -> None:
        """Give back threads, weights and decoders, when no request uses them."""
        ...

    def healths(self) -> list[Health]:
        """Of the engines that must render for the server to be well."""
        ...

    @property
    def waiting(self) -> int:
        """Images that wait for their batch."""
        ...

    @property
    def outstanding(self) -> int:
        """Pictures that wait or are being made."""
        ...


class OneModel:
    """A server of one model, which everybody sees."""

    def __init__(self, model: ServedModel) -> None:
        self.model = model

    @asynccontextmanager
    async def lease(self, name: str, caller: Caller, key: Key = str) -> AsyncIterator[ServedModel]:
        """The model. Raises NotFound for another name."""
        alias, digest = split_name(name)
        if alias not in ("", self.model.name) and alias != self.model.card().get("name"):  # the name that GET /v1/models shows
            digest = alias if not digest else "?"
        if digest and not is_version(self.model.digest, digest):
            raise no_model(name)
        yield self.model

    def loaded(self, name: str, caller: Caller) -> ServedModel | None:
        """The model, where it is not named."""
        return None if name else self.model

    async def cards(self, caller: Caller) -> list[dict[str, Any]]:
        """The model's card, if it generates."""
        card = self.model.card()
        return [card | {"loaded": True}] if card["generates"] else []

    async def close(self) -> None:
        """See `Models`."""
        await asyncio.to_thread(self.model.close)

    def require(self) -> None:
        """Raises Unhealthy where the engine has ceased to render."""
        for health in self.healths():
            health.require()

    def healths(self) -> list[Health]:
        """The engine's, if it generates."""
        return [] if self.model.health is None else [self.model.health]

    @property
    def waiting(self) -> int:
        """Images that wait for their batch."""
        return self.model.waiting

    @property
    def outstanding(self) -> int:
        """Pictures that wait or are being made."""
        return self.model.outstanding


def split_name(name: str) -> tuple[str, str]:
    """`NAME@DIGEST` as name and digest. Raises NotFound for an @ without a digest behind it."""
    alias, at, digest = name.partition("@")
    if at and not digest:
        raise no_model(name)
    return alias, digest


def is_version(digest: str, wanted: str) -> bool:
    """Whether a model's digest is the wanted one, or begins with its 12 or more digits."""
    return digest == wanted or (digest.startswith(wanted) and _DIGEST.fullmatch(wanted) is not None)


def is_digest(text: str) -> bool:
    """Whether a text may be a digest's beginning."""
    return _DIGEST.fullmatch(text) is not None


def no_model(name: str) -> NotFound:
    """The same for a model that is missing and for one that the caller may not see."""
    return NotFound(f"model {name[:100]!r} is not served here", "GET /v1/models lists those that are")
