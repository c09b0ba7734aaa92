"""The mailbox between training workers and the driver. It imports almost nothing, so that its process starts at once."""

from __future__ import annotations

from typing import Any

import ray


class Board:
    """The mailbox between the workers and the driver."""

    def __init__(self) -> None:
        self._items: list[tuple[str, Any]] = []

    def post(self, kind: str, item: Any) -> None:
        """Leave one item: kind is log, grid, checkpoint, note, result or error."""
        self._items.append((kind, item))

    def take(self) -> list[tuple[str, Any]]:
        """Everything left since the last call."""
        items, self._items = self._items, []
        return items


def make_board() -> Any:
    """A handle of a new board actor; it costs no CPU slot and outlives workers that fail."""
    return ray.remote(Board).options(num_cpus=0, max_restarts=0).remote()
