"""A queue that is fair between keys: start-time fair queueing (Goyal, Vin, Cheng 1996), a heap of virtual start times.

A key with weight w gets w shares of what is drawn while it waits. A key that asks for little is served at once, whatever another one has
waiting: its sample starts at the virtual time of now, the flood's at the end of its own backlog. Within a key it is first come, first
served. Interactive samples go before those of batches, which get every eighth place, so that they are never starved.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ganray.serving.context import Priority

BATCH_EVERY = 8  # of so many places one is a batch's, where both wait
SPARE = 8.0  # a key may hold so many times the free places of the queue
MANY_GONE = 64  # entries of cancelled items that are not worth a pass over the heap

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Entry(Generic[T]):
    """An item in the queue, and a handle to take it out."""

    item: T
    key: str
    waits: bool = True


@dataclass(slots=True)
class _Key:
    waiting: int = 0
    finish: float = 0.0  # virtual time at which its last item ends


@dataclass(slots=True)
class _Class(Generic[T]):
    """The queue of one priority."""

    heap: list[tuple[float, int, Entry[T]]] = field(default_factory=list)
    keys: dict[str, _Key] = field(default_factory=dict)
    now: float = 0.0
    waiting: int = 0


class FairQueue(Generic[T]):
    """Items by key and priority. `len` counts those that wait. Push and pop take O(log n), leaving O(1)."""

    def __init__(self) -> None:
        self._classes: dict[Priority, _Class[T]] = {"interactive": _Class(), "batch": _Class()}
        self._pushed = self._popped = self._gone = 0

    def __len__(self) -> int:
        return sum(each.waiting for each in self._classes.values())

    def held(self, key: str) -> int:
        """Items of a key that wait."""
        return sum(each.keys[key].waiting for each in self._classes.values() if key in each.keys)

    def has_room(self, key: str, count: int, size: int) -> bool:
        """Whether a key may push `count` items into a queue of `size` places.

        It may hold SPARE times the free places (dynamic thresholds: Choudhury, Hahne 1998): a key that floods leaves room for others.
        """
        free = size - len(self)
        return count <= free and self.held(key) + count <= SPARE * free

    def push(self, key: str, item: T, priority: Priority = "interactive", weight: float = 1.0) -> Entry[T]:
        """Add an item."""
        queue = self._classes[priority]
        of_key = queue.keys.get(key)
        if of_key is None:
            of_key = queue.keys[key] = _Key()
        start = max(queue.now, of_key.finish)
        of_key.finish = start + 1.0 / weight
        of_key.waiting += 1
        queue.waiting += 1
        self._pushed += 1
        entry = Entry(item, key)
        heapq.heappush(queue.heap, (start, self._pushed, entry))
        return entry

    def pop(self) -> T:
        """Take the next item. Raises IndexError where none waits."""
        queue = self._classes[self._next_class()]
        while True:
            start, _, entry = heapq.heappop(queue.heap)
            if not entry.waits:
                self._gone -= 1
                continue
            queue.now = start
            self._popped += 1
            self._leave(queue, entry)
            return entry.item

    def discard(self, entry: Entry[T], priority: Priority = "interactive") -> None:
        """Take an item out that nobody waits for any more; idempotent."""
        if entry.waits:
            queue = self._classes[priority]
            self._leave(queue, entry)
            self._gone += 1
            if self._gone > MANY_GONE and self._gone > len(self):
                self._compact()

    def _next_class(self) -> Priority:
        interactive, batch = (self._classes[name].waiting for name in ("interactive", "batch"))
        if not interactive and not batch:
            raise IndexError("the queue is empty")
        if not batch:
            return "interactive"
        return "batch" if not interactive or self._popped % BATCH_EVERY == BATCH_EVERY - 1 else "interactive"

    @staticmethod
    def _leave(queue: _Class[T], entry: Entry[T]) -> None:
        entry.waits = False
        queue.waiting -= 1
        of_key = queue.keys[entry.key]
        of_key.waiting -= 1
        if not of_key.waiting:  # forgotten, so that thousands of keys take no memory; it may gain one item's place by that
            del queue.keys[entry.key]

    def _compact(self) -> None:
        for queue in self._classes.values():
            queue.heap = [each for each in queue.heap if each[2].waits]
            heapq.heapify(queue.heap)
        self._gone = 0
