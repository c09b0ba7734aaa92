"""The mailbox between training workers and the driver. It imports almost nothing, so that its process starts at once."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

LISTEN_S = 0.5


class Mailbox:
    """The mailbox between the workers and the driver."""

    def __init__(self) -> None:
        self._items: list[tuple[str, Any]] = []
        self._failed = False
        self._ordered, self._rested = "", False
        self._began: float | None = None

    def post(self, kind: str, item: Any) -> None:
        """Leave one item: kind is log, grid, score, checkpoint, note, start, left, result or error."""
        self._items.append((kind, item))
        self._failed = self._failed or kind == "error"

    def failed(self) -> bool:
        """Whether an error has been posted: a restarted worker then has nothing to do."""
        return self._failed

    def order(self, word: str) -> None:
        """Tell the workers to do something: "leave", which stands, or "regroup", until it is taken back by an empty word."""
        if self._ordered != "leave":
            self._ordered, self._rested = word, False

    def rest(self) -> None:
        """The workers have left their checkpoint and done what was ordered."""
        self._rested = True

    def rested(self) -> bool:
        """Whether they have, since the last order."""
        return self._rested

    def ordered(self) -> str:
        """The last order; empty where there is none."""
        return self._ordered

    def seconds(self) -> float:
        """Since the first call: since training began, whatever happened to its workers."""
        self._began = time.monotonic() if self._began is None else self._began
        return time.monotonic() - self._began

    def take(self) -> list[tuple[str, Any]]:
        """Everything left since the last call."""
        items, self._items = self._items, []
        return items


def make_mailbox() -> Any:
    """A handle of a new board actor: on the driver's node, whose loss ends the run anyway, and without a CPU slot."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(Mailbox).options(num_cpus=0, scheduling_strategy=here).remote()


class CommandListener:
    """Rank 0's ear for the board: a thread asks, so that a step does not wait for an answer."""

    def __init__(self, board: Any) -> None:
        self.word = ""
        self._board, self._closed = board, threading.Event()
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()

    def _listen(self) -> None:
        with suppress(ray.exceptions.RayError):  # no board, no driver: Ray ends this process as well
            while not self._closed.wait(LISTEN_S):
                self.word = ray.get(self._board.ordered.remote())
