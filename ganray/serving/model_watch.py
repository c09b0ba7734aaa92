"""Looks every few seconds whether the table, or a folder in memory, has changed, and replaces models while requests go on."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from ganray.edit_engine import Description
from ganray.errors import CheckpointError
from ganray.serving.model_memory import Version
from ganray.serving.model_table import Source

if TYPE_CHECKING:
    from ganray.serving.model_cache import ModelCache

EVERY_S = 3.0
AGAIN_S = 15.0  # before a version that could not be loaded is tried again


class ModelWatch:
    """Watches for one cache, on its event loop."""

    def __init__(self, cache: ModelCache) -> None:
        self._cache = cache
        self._task: asyncio.Task[None] | None = None
        self._told: dict[Source, str] = {}
        self._later: dict[Source, float] = {}

    def begin(self) -> None:
        """Watch from now on, if that has not begun."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def end(self) -> None:
        """Watch no longer."""
        if self._task is not None:
            self._task.cancel()

    async def look(self) -> None:
        """Look once, and replace what has changed."""
        cache = self._cache
        await asyncio.to_thread(cache.file.refresh)
        for name, row in cache.file.table.models.items():
            await self._bind(name, row.source)
        names = cache.file.table.models
        cache.bound = {name: source for name, source in cache.bound.items() if name in names}
        versions = list(cache.memory.current.values())
        for version, described in zip(versions, await asyncio.gather(*map(self._described, versions)), strict=True):
            if described is not None:
                await self._renew(version, described)  # one at a time: each takes memory beyond the budget
        kept = set(cache.bound.values()) | {row.source for row in names.values()}
        cache.forget(kept)
        for known in (self._told, self._later):
            for source in [source for source in known if source not in kept]:
                del known[source]

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.look()
            except Exception:  # the next look may go well; without one no change would ever be seen again
                logging.getLogger(__name__).exception("models were not looked at")

    async def _bind(self, name: str, source: Source) -> None:
        """Let a name stand for a folder: at once where nothing is loaded for it, else when the new one is."""
        cache, before = self._cache, self._cache.bound.get(name)
        if before == source:
            return
        if before is not None and before in cache.memory.current and source not in cache.memory.current:
            with cache.memory.want(before):
                if not await self._replace(source):
                    return
        cache.bound[name] = source

    async def _described(self, version: Version) -> Description | None:
        try:
            return await self._cache.describe(version.source)
        except Exception as error:
            self._tell(version.source, str(error))
            return None

    async def _renew(self, version: Version, described: Description) -> None:
        """Load a folder again if it says that it is another model now."""
        if described.digest != version.described.digest and self._cache.memory.current.get(version.source) is version:
            await self._replace(version.source, described)

    async def _replace(self, source: Source, described: Description | None = None) -> bool:
        """Whether a new version was loaded. One that cannot be leaves what is there, is told once, and is tried again later."""
        if self._later.get(source, 0.0) > time.monotonic():
            return False
        try:
            described = described or await self._cache.describe(source)
            if not described.digest:
                raise CheckpointError("the folder has no model")
            if described.size > self._cache.memory.budget:
                raise CheckpointError(f"the new version takes {described.size / 2**20:.1f} MiB, more than --model-memory")
            await self._cache.replace(source, described.size)
        except Exception as error:
            self._later[source] = time.monotonic() + AGAIN_S
            self._tell(source, str(error))
            return False
        self._told.pop(source, None)
        self._later.pop(source, None)
        logging.getLogger(__name__).info("model %s: version %s is served", source.model, described.digest[:12])
        return True

    def _tell(self, source: Source, text: str) -> None:
        if self._told.get(source) != text:
            self._told[source] = text
            logging.getLogger(__name__).error("model %s stays as it is: %s", source.model, text)
