"""A queue that is fair between keys: start-time fair queueing (Goyal, Vin, Cheng 1996, section 2), with a heap of keys.

A key of weight w gets w shares of what is taken while it waits: of any time in which two keys wait, what each got, over its weight, differs
by at most one item of each. A key that asks for little is next whatever another one has waiting, but for one item of each other key.
Within a key it is first come, first served.

Interactive items go before those of batches; of eight places one is a batch's, so that a batch is slow beside others but never starved.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ganray.serving.context import Priority

BATCH_EVERY = 8  # of so many places one is a batch's, where both wait
MANY_GONE = 64  # cancelled entries of a key that are not worth a pass over it

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Entry(Generic[T]):
    """An item that is to be popped `left` times more, and the handle to take it out."""

    item: T
    left: int
    of: _Key[T]


@dataclass(eq=False, slots=True)
class _Key(Generic[T]):
    """What one key has waiting in one class."""

    name: str
    queue: _Class[T]
    entries: deque[Entry[T]] = field(default_factory=deque)
    waiting: int = 0
    finish: float = 0.0  # virtual time at which the last item that was taken ends: its next one begins no earlier
    weight: float = 1.0
    scheduled: bool = False  # is in the heap
    gone: int = 0  # entries that were cancelled and are still in the deque


@dataclass(eq=False, slots=True)
class _Class(Generic[T]):
    """The queue of one priority. `now` is virtual time: the start of the item that was taken last."""

    heap: list[tuple[float, int, _Key[T]]] = field(default_factory=list)
    keys: dict[str, _Key[T]] = field(default_factory=dict)
    served: list[tuple[float, int, _Key[T]]] = field(default_factory=list)  # a heap of keys with nothing waiting, by their finish
    now: float = 0.0
    waiting: int = 0


class FairQueue(Generic[T]):
    """Items by key and priority. `len` counts those that wait. Push and pop take O(log keys), discarding O(1)."""

    def __init__(self) -> None:
        self._classes: dict[Priority, _Class[T]] = {"interactive": _Class(), "batch": _Class()}
        self._interactive, self._batch = self._classes["interactive"], self._classes["batch"]
        self._popped = self._sequence = 0

    def __len__(self) -> int:
        return self._interactive.waiting + self._batch.waiting

    def push(self, key: str, item: T, priority: Priority = "interactive", weight: float = 1.0, count: int = 1) -> Entry[T]:
        """Add an item that is to be popped `count` times."""
        queue = self._classes[priority]
        of = queue.keys.get(key)
        if of is None:
            of = queue.keys[key] = _Key(key, queue, finish=queue.now)
        of.weight = weight
        entry = Entry(item, count, of)
        of.entries.append(entry)
        of.waiting += count
        queue.waiting += count
        if not of.scheduled:
            of.scheduled = True
            self._sequence += 1
            heapq.heappush(queue.heap, (max(queue.now, of.finish), self._sequence, of))
        return entry

    def pop(self) -> T:
        """Take the next item. Raises IndexError where none waits."""
        queue = self._next_class()
        while not queue.heap[0][2].waiting:  # all its entries were cancelled
            self._unschedule(queue)
        start, _, of = queue.heap[0]
        while not of.entries[0].left:
            of.entries.popleft()
            of.gone -= 1
        entry = of.entries[0]
        self._popped += 1
        self._take(entry, 1)
        if not entry.left:
            of.entries.popleft()
        queue.now, of.finish = start, start + 1.0 / of.weight
        if of.waiting:
            self._sequence += 1
            heapq.heapreplace(queue.heap, (of.finish, self._sequence, of))
        else:
            self._unschedule(queue)
        self._forget(queue)
        return entry.item

    def discard(self, entry: Entry[T]) -> None:
        """Take out what nobody waits for any more, and what is left of it; idempotent. It costs its key nothing."""
        if not entry.left:
            return
        of = entry.of
        self._take(entry, entry.left)
        of.gone += 1
        if not of.waiting:
            of.entries.clear()
            of.gone = 0
        elif of.gone > MANY_GONE and of.gone > len(of.entries) // 2:
            of.entries = deque(each for each in of.entries if each.left)
            of.gone = 0
        if not of.queue.waiting:
            self._clear(of.queue)

    def held(self, key: str) -> int:
        """Items of a key that wait."""
        return sum(queue.keys[key].waiting for queue in self._classes.values() if key in queue.keys)

    def ahead(self, key: str, count: int, priority: Priority, weight: float = 1.0) -> int:
        """Items that would be taken until the last of `count` new ones is, they included: at most, and but for rounding. O(keys)."""
        queue, other = self._classes[priority], self._batch if priority == "interactive" else self._interactive
        mine = count + (queue.keys[key].waiting if key in queue.keys else 0)
        before = mine + sum(min(of.waiting, 1 + int(mine * of.weight / weight)) for name, of in queue.keys.items() if name != key)
        share = before // (BATCH_EVERY - 1) + 1 if priority == "interactive" else before * (BATCH_EVERY - 1)
        return before + min(other.waiting, share)

    def weights(self) -> float:
        """The sum of the weights of all keys that have something waiting. O(keys)."""
        return sum({name: of.weight for queue in self._classes.values() for name, of in queue.keys.items() if of.waiting}.values())

    def longest(self) -> str:
        """The key that has most waiting for its weight. Raises ValueError where nothing waits. O(keys)."""
        held: dict[str, float] = {}
        for queue in self._classes.values():
            for name, of in queue.keys.items():
                if of.waiting:
                    held[name] = held.get(name, 0.0) + of.waiting / of.weight
        return max(held, key=held.__getitem__)

    def newest(self, key: str) -> Entry[T]:
        """The last entry of a key; of its batches, if there are any. Something of it must wait."""
        of = next(queue.keys[key] for queue in (self._batch, self._interactive) if key in queue.keys and queue.keys[key].waiting)
        while not of.entries[-1].left:
            of.entries.pop()
            of.gone -= 1
        return of.entries[-1]

    def _next_class(self) -> _Class[T]:
        if not self._batch.waiting:
            if not self._interactive.waiting:
                raise IndexError("the queue is empty")
            return self._interactive
        turn = self._popped % BATCH_EVERY == BATCH_EVERY - 1
        return self._batch if turn or not self._interactive.waiting else self._interactive

    @staticmethod
    def _take(entry: Entry[T], count: int) -> None:
        entry.left -= count
        entry.of.waiting -= count
        entry.of.queue.waiting -= count

    def _unschedule(self, queue: _Class[T]) -> None:
        """Take a key off the heap that has nothing waiting: it is kept until virtual time has come to its finish."""
        of = heapq.heappop(queue.heap)[2]
        of.scheduled = False
        self._sequence += 1
        heapq.heappush(queue.served, (of.finish, self._sequence, of))

    def _forget(self, queue: _Class[T]) -> None:
        """Drop keys that would begin at `now` as a new one does. One that was forgotten earlier would get the places of two."""
        if not queue.waiting:
            self._clear(queue)
            return
        while queue.served and queue.served[0][0] <= queue.now:
            of = heapq.heappop(queue.served)[2]
            if not of.scheduled and of.finish <= queue.now and queue.keys.get(of.name) is of:
                del queue.keys[of.name]

    @staticmethod
    def _clear(queue: _Class[T]) -> None:
        """Nothing waits: what was taken by whom is settled."""
        queue.heap.clear()
        queue.keys.clear()
        queue.served.clear()
        queue.now = 0.0
