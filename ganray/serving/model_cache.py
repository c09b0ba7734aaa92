"""Many models in one replica: loaded when they are first asked for, kept while memory allows, replaced without a dropped request."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from ganray.config import ServeConfig
from ganray.edit_engine import Description
from ganray.errors import ConfigError, GanrayError
from ganray.output.device import describe_device
from ganray.serving.context import Caller
from ganray.serving.health import Health
from ganray.serving.model_loader import ModelLoader
from ganray.serving.model_memory import ModelMemory, Version
from ganray.serving.model_table import Source, TableFile
from ganray.serving.model_watch import ModelWatch
from ganray.serving.models import Key, ModelUnavailable, is_digest, is_version, no_model, split_name
from ganray.serving.refusals import Refusal
from ganray.serving.served_model import ServedModel, card_of, most_images
from ganray.serving.traffic import choose

LOADERS = 2  # folders that are read at a time: each takes its weights twice for a moment
DESCRIBERS = 4
FAILED_S = 5.0  # for which the failure of a load is the answer to every request for that model
DESCRIBED_S = 5.0  # for which a description that is not loaded is believed

T = TypeVar("T")


class ModelCache:
    """`Models` of a table. The default model is loaded when it is made, and watched like all others."""

    def __init__(self, config: ServeConfig, device: str, threads: int) -> None:
        """On a CPU a model has `threads` lanes; on `cuda` one, and `threads` threads that encode.

        Raises ConfigError for a wrong table or a default model that is larger than the budget, and what loading that one raises.
        """
        self.loader = ModelLoader(config, device, threads)
        self.lanes, self.device = self.loader.lanes, describe_device(device)
        self.file = TableFile(config.models, Source(config.model, config.networks))
        self.memory = ModelMemory(config.model_memory << 20)
        self.bound = {name: row.source for name, row in self.file.table.models.items()}  # what names stand for now
        self._max_count = most_images(config)
        self._loads: dict[Source, asyncio.Task[None]] = {}
        self._failures: dict[Source, tuple[float, Refusal]] = {}
        self._described: dict[Source, tuple[float, asyncio.Task[Description]]] = {}
        self._loaders, self._describers = ThreadPoolExecutor(LOADERS, "load"), ThreadPoolExecutor(DESCRIBERS, "describe")
        self._watch = ModelWatch(self)
        for name in self._defaults():
            self._load_first(name)

    def lease(self, name: str, caller: Caller, key: Key = str) -> AbstractAsyncContextManager[ServedModel]:
        """See `Models`."""
        return _Lease(self, name, caller, key)

    def loaded(self, name: str, caller: Caller) -> ServedModel | None:
        """See `Models`. None for names with a digest and for divided ones."""
        alias = name or self.file.table.default
        source = self.bound.get(alias)
        version = self.memory.current.get(source) if source is not None and self.file.table.sees(caller, alias) else None
        return None if version is None else version.under(alias)

    async def cards(self, caller: Caller) -> list[dict[str, Any]]:
        """The models that a caller sees. A divided name has the card of its largest share, and its shares."""
        self._watch.begin()
        table = self.file.table
        return list(await asyncio.gather(*(self._card(name, table.leaves(name)) for name in table.names(caller))))

    def require(self) -> None:
        """Raises Unhealthy where the engine of the default model has ceased to render."""
        for health in self.healths():
            health.require()

    def healths(self) -> list[Health]:
        """Of the default model's engine, while it is in memory; of several where its traffic is divided."""
        found = (self.memory.current.get(self.bound[name]) for name in self._defaults() if name in self.bound)
        return [version.served.health for version in found if version is not None and version.served.health is not None]

    @property
    def waiting(self) -> int:
        """Images that wait for their batch."""
        return sum(version.served.waiting for version in self.memory.versions())

    @property
    def outstanding(self) -> int:
        """Pictures that wait or are being made."""
        return sum(version.served.outstanding for version in self.memory.versions())

    async def close(self) -> None:
        """End all that no request uses: threads, weights, decoders."""
        self._watch.end()
        for version in list(self.memory.current.values()):
            self.memory.drop(version)
        await self.memory.settle()
        self._loaders.shutdown(wait=False, cancel_futures=True)
        self._describers.shutdown(wait=False, cancel_futures=True)
        self.loader.close()

    async def describe(self, source: Source) -> Description:
        """What a folder says of itself now. Raises CheckpointError, ConfigError, StorageError."""
        return await asyncio.get_running_loop().run_in_executor(self._describers, self.loader.describe, source)

    async def replace(self, source: Source, size: int) -> None:
        """Load a version beside what is there, and give it to new requests. Raises what the load raises; all stays as it was then."""
        with self.memory.want(source):
            self.memory.overdraw(size)
            await self._take(source, size)

    def forget(self, kept: set[Source]) -> None:
        """Drop what no name stands for any longer."""
        for source, version in list(self.memory.current.items()):
            if source not in kept and not self.memory.is_wanted(source):
                self.memory.drop(version)
        for known in (self._failures, self._described):
            for source in [source for source in known if source not in kept]:
                del known[source]

    async def acquire(self, name: str, caller: Caller, key: Key) -> tuple[Version, ServedModel]:
        """A version that is kept until it is released, and its model under the name that was chosen."""
        self._watch.begin()
        table = self.file.table
        alias, digest = split_name(name)
        if alias not in table.tenants and not digest and is_digest(alias):
            alias, digest = "", alias
        alias = alias or table.default
        if not table.sees(caller, alias):
            raise no_model(name)
        if digest:
            return await self._version(name, list(table.leaves(alias)), digest)
        while alias in table.traffic:
            alias = choose(alias, table.traffic[alias], key())
        return await self._current(alias)

    async def _current(self, alias: str) -> tuple[Version, ServedModel]:
        source = self._source(alias)
        version = self.memory.current.get(source)
        if version is None:
            with self.memory.want(source):
                while (version := self.memory.current.get(source)) is None:
                    await self._load_for(alias, source)
                self.memory.lease(version)
        else:
            self.memory.lease(version)
        return version, version.under(alias)

    async def _version(self, name: str, aliases: list[str], digest: str) -> tuple[Version, ServedModel]:
        """A version by its digest: one in memory, or the one in the folder."""
        for alias in aliases:
            for version in self.memory.versions():
                known = alias in version.faces or version.source == self.bound.get(alias)
                if known and is_version(version.described.digest, digest):
                    return self.memory.lease(version), version.under(alias)
        for alias in aliases:
            source = self.bound.get(alias)
            if source is None or source in self.memory.current:
                continue
            if is_version((await self._describe_for(alias, source)).digest, digest):
                version, served = await self._current(alias)
                if is_version(served.digest, digest):
                    return version, served
                self.memory.release(version)  # it was replaced in the meantime
        raise no_model(name)

    async def _load_for(self, alias: str, source: Source) -> None:
        """Load a folder, once for all that ask for it, and not at once again where that failed. A caller who leaves stops nothing."""
        until, refusal = self._failures.get(source, (0.0, None))
        if refusal is not None and until > time.monotonic():
            raise type(refusal)(refusal.message, refusal.remedy, refusal.retry_after)
        task = self._loads.get(source)
        if task is None:
            task = self._loads[source] = asyncio.get_running_loop().create_task(self._load(alias, source))
            task.add_done_callback(lambda _: self._loads.pop(source))
        await asyncio.shield(task)

    async def _load(self, alias: str, source: Source) -> None:
        described = await self._remembered(alias, source, self._fit(alias, source))
        await self.memory.reserve(described.size)  # that there was no room is no fault of the model
        await self._remembered(alias, source, self._take(source, described.size))

    async def _remembered(self, alias: str, source: Source, work: Coroutine[Any, Any, T]) -> T:
        """What a part of a load gives; its failure is what is told for a while."""
        try:
            return await work
        except Exception as error:
            refusal = self._explain(alias, source, error)
            self._failures[source] = time.monotonic() + FAILED_S, refusal
            raise refusal from None

    async def _take(self, source: Source, size: int) -> None:
        """Load a folder into `size` bytes that are reserved for it."""
        try:
            served, described = await asyncio.get_running_loop().run_in_executor(self._loaders, self.loader.load, source)
        except BaseException:
            self.memory.give_back(size)
            raise
        self.memory.give_back(size - described.size)  # another one may have been written since
        self.memory.put(Version(source, served, described))

    async def _fit(self, alias: str, source: Source) -> Description:
        """A folder's description, if it is one and may be loaded."""
        described = await self.describe(source)
        if not described.digest and source.model:
            logging.getLogger(__name__).error("model %r: %s is not a model folder", alias, source.model)
            raise no_model(alias)
        if described.size > self.memory.budget:
            raise ModelUnavailable(self._too_large(alias, described), "Raise --model-memory", None)
        return described

    def _too_large(self, alias: str, described: Description) -> str:
        sizes = f"{described.size / 2**20:.1f} MiB, and the models of this server may take {self.memory.budget >> 20}"
        return f"model {alias or 'default'}: it takes {sizes}"

    def _explain(self, alias: str, source: Source, error: Exception) -> Refusal:
        """What callers are told: not where the folder lies. The log has the rest."""
        if isinstance(error, Refusal):
            return error
        told = str(error) if isinstance(error, GanrayError) else f"{type(error).__name__}: {error}"
        logging.getLogger(__name__).error("model %r: %s", alias or source.model, told)
        return ModelUnavailable(f"model {alias or 'default'}: it cannot be loaded", "See the server's log", FAILED_S)

    async def _describe_for(self, alias: str, source: Source) -> Description:
        """A description of a moment ago, read once for all that ask. Raises ModelUnavailable."""
        now = time.monotonic()
        since, task = self._described.get(source, (0.0, None))
        if task is None or now - since > DESCRIBED_S:
            task = asyncio.get_running_loop().create_task(self.describe(source))
            self._described[source] = now, task
        try:
            return await asyncio.shield(task)
        except Exception as error:
            raise self._explain(alias, source, error) from None

    async def _card(self, name: str, leaves: dict[str, float]) -> dict[str, Any]:
        alias = max(leaves, key=lambda leaf: leaves[leaf])
        source = self._source(alias)
        version = self.memory.current.get(source)
        more: dict[str, Any] = {"loaded": version is not None}
        if name in self.file.table.traffic:
            more["traffic"] = leaves
        try:
            described = version.described if version is not None else await self._describe_for(alias, source)
        except Refusal as refusal:
            return {"name": name, "digest": "", "generates": False, "error": refusal.message} | more
        return card_of(described, name, self._max_count) | more

    def _source(self, alias: str) -> Source:
        """What a name stands for; one that has just been written into the table is not bound yet. Raises NotFound."""
        source, row = self.bound.get(alias), self.file.table.models.get(alias)
        if source is None and row is None:
            raise no_model(alias)
        return source or row.source  # type: ignore[union-attr]

    def _defaults(self) -> Iterator[str]:
        return iter(self.file.table.leaves(self.file.table.default))

    def _load_first(self, name: str) -> None:
        """Load a model before there is an event loop: a server that has none to start with is not to start."""
        source = self.bound[name]
        if source in self.memory.current:
            return
        served, described = self.loader.load(source)
        if self.memory.used + described.size > self.memory.budget:
            raise ConfigError(self._too_large(name, described), "Raise --model-memory")
        self.memory.used += described.size
        self.memory.put(Version(source, served, described))


class _Lease(AbstractAsyncContextManager[ServedModel]):
    """A model in use: a class of its own, since a generator would take longer than all the rest."""

    __slots__ = ("_cache", "_caller", "_key", "_name", "_version")

    def __init__(self, cache: ModelCache, name: str, caller: Caller, key: Callable[[], str]) -> None:
        self._cache, self._name, self._caller, self._key = cache, name, caller, key

    async def __aenter__(self) -> ServedModel:
        self._version, served = await self._cache.acquire(self._name, self._caller, self._key)
        return served

    async def __aexit__(self, *_: object) -> None:
        self._cache.memory.release(self._version)
