"""The models that a replica holds in memory, within a budget of bytes: the one that was asked for longest ago makes room for another.

A model that a request uses is never dropped. Everything here runs on one event loop; only the end of a model, which waits for its threads,
runs in another thread.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from ganray.edit_engine import Description
from ganray.serving.model_table import Source
from ganray.serving.refusals import Busy
from ganray.serving.served_model import ServedModel

ROOM_S = 5.0  # for models in use to become free, before a request for another one is refused
LOOK_S = 0.05  # at what cancelled requests have left to be made, before a model ends


@dataclass(eq=False)
class Version:
    """A loaded folder. `leases` are the requests that use it, `used` is when the last one came, `faces` the model under its names."""

    source: Source
    served: ServedModel
    described: Description
    leases: int = 0
    used: float = field(default_factory=time.monotonic)
    faces: dict[str, ServedModel] = field(default_factory=dict)

    def under(self, name: str) -> ServedModel:
        """The model as it is called in numbers and messages; several names may share a folder."""
        face = self.faces.get(name)
        if face is None:
            face = self.faces[name] = replace(self.served, name=name)
        return face


class ModelMemory:
    """`current` has what new requests get, by folder; `old` what only requests under way still use."""

    def __init__(self, budget: int) -> None:
        """`budget` in bytes of weights. While a version replaces another, both may be there: that much more."""
        self.budget, self.used = budget, 0
        self.current: dict[Source, Version] = {}
        self.old: list[Version] = []
        self._wanted: Counter[Source] = Counter()
        self._freeing = 0
        self._turn, self._changed = asyncio.Lock(), asyncio.Event()
        self._ending: set[asyncio.Task[None]] = set()

    def versions(self) -> Iterator[Version]:
        """All that are in memory."""
        yield from self.current.values()
        yield from self.old

    def lease(self, version: Version) -> Version:
        """Keep a version until `release`."""
        version.leases += 1
        version.used = time.monotonic()
        return version

    def release(self, version: Version) -> None:
        """A request is done with a version."""
        version.leases -= 1
        if not version.leases:
            if self.current.get(version.source) is not version and version in self.old:
                self.old.remove(version)
                self._end(version)
            self._changed.set()

    @contextmanager
    def want(self, source: Source) -> Iterator[None]:
        """Keep a folder's version, from when it is loaded until requests that wait for it have taken it."""
        self._wanted[source] += 1
        try:
            yield
        finally:
            self._wanted[source] -= 1
            if not self._wanted[source]:
                del self._wanted[source]
                self._changed.set()

    async def reserve(self, size: int) -> None:
        """Make room for `size` bytes, in the order of calls. Raises Busy where all that would make room stays in use."""
        try:
            async with asyncio.timeout(ROOM_S), self._turn:
                while self.used + size > self.budget:
                    self._changed.clear()
                    if not self._make_room(size):
                        await self._changed.wait()
                self.used += size
        except TimeoutError:
            raise Busy(
                "all models in memory are in use, and there is no room for another", "Retry; or raise --model-memory, or add replicas"
            ) from None

    def overdraw(self, size: int) -> None:
        """Take `size` bytes for a version that replaces another, over the budget if need be: the other one goes when it is there."""
        while self._make_room(size):
            pass
        self.used += size

    def give_back(self, size: int) -> None:
        """Bytes that are not needed, or no longer."""
        self.used -= size
        self._changed.set()

    def put(self, version: Version) -> None:
        """New requests get this version, whose bytes are reserved. The one before it ends with its requests."""
        before = self.current.get(version.source)
        if before is not None:
            self.drop(before)
        self.current[version.source] = version

    def drop(self, version: Version) -> None:
        """No new request gets this version; it ends when no request uses it."""
        if self.current.get(version.source) is version:
            del self.current[version.source]
        if version.leases:
            self.old.append(version)
        else:
            self._end(version)

    def is_wanted(self, source: Source) -> bool:
        """Whether requests wait for it."""
        return source in self._wanted

    async def settle(self) -> None:
        """Return when what was dropped, and is not used, has ended."""
        while self._ending:
            await asyncio.wait(self._ending)

    def _make_room(self, size: int) -> bool:
        """Drop one version, if one must go beyond those that are going already. The longest unused one of those that may go."""
        if self.used - self._freeing + size <= self.budget:
            return False
        idle = [version for version in self.current.values() if not version.leases and version.source not in self._wanted]
        if not idle:
            return False
        self.drop(min(idle, key=lambda version: version.used))
        return True

    def _end(self, version: Version) -> None:
        self._freeing += version.described.size
        task = asyncio.get_running_loop().create_task(self._close(version))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _close(self, version: Version) -> None:
        while version.served.outstanding:
            await asyncio.sleep(LOOK_S)
        await asyncio.to_thread(version.served.close)
        self._freeing -= version.described.size
        self.give_back(version.described.size)
