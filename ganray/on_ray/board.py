"""The mailbox between training workers and the driver. It imports almost nothing, so that its process starts at once."""

from __future__ import annotations

from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


class Board:
    """The mailbox between the workers and the driver."""

    def __init__(self) -> None:
        self._items: list[tuple[str, Any]] = []
        self._failed = False

    def post(self, kind: str, item: Any) -> None:
        """Leave one item: kind is log, grid, checkpoint, note, result or error."""
        self._items.append((kind, item))
        self._failed = self._failed or kind == "error"

    def failed(self) -> bool:
        """Whether an error has been posted: a restarted worker then has nothing to do."""
        return self._failed

    def take(self) -> list[tuple[str, Any]]:
        """Everything left since the last call."""
        items, self._items = self._items, []
        return items


def make_board() -> Any:
    """A handle of a new board actor: on the driver's node, whose loss ends the run anyway, and without a CPU slot."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(Board).options(num_cpus=0, scheduling_strategy=here).remote()
