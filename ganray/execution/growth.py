"""How many more workers and finishers a job asks for that follows its cluster: as many as there is room for now.

Ray places them. What does not fit is not asked for, so that a cluster that cannot grow is not filled with requests that wait. Where an
autoscaler runs it sees what waits: a few requests more than there is room for, and as many as workers have started, so that a large cluster
comes in a few rounds, and one at its limit holds no more requests than workers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ganray.execution.labels import matches
from ganray.execution.port import Node, ShardWork, Workers

FEWEST_WAITING = 4  # requests that an autoscaler sees, at least
FINISHER = Workers(1)


class Room:
    """What nodes have left, less what is asked for here."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = sorted(nodes, key=lambda node: node.gpus)  # Ray, too, places what needs no GPU where there is none first

    def take(self, needs: Workers) -> bool:
        """Take what one worker needs from a node that has it; False where none has."""
        for number, node in enumerate(self._nodes):
            if node.cpus >= needs.cpus and node.gpus >= needs.gpu and matches(needs.labels, node.labels):
                self._nodes[number] = replace(node, cpus=node.cpus - needs.cpus, gpus=node.gpus - needs.gpu)
                return True
        return False


@dataclass(frozen=True)
class Actors:
    """What a job has. `starting` are those of both kinds that have not started yet; `shards` those that no worker has; `lagging` says that
    workers wait for finishers."""

    workers: int
    finishers: int
    starting: int
    shards: int
    lagging: bool


@dataclass(frozen=True)
class Growth:
    """`finishers_of` is the finishers that a worker needs; None where nothing is to be finished."""

    workers: Workers
    finishers_of: float | None

    @classmethod
    def of(cls, work: ShardWork[Any, Any]) -> Growth:
        """In the proportion that was planned."""
        return cls(work.workers, None if work.finish is None else work.finishers / work.workers.num)

    def requests(self, actors: Actors, room: Room, grows: bool) -> tuple[int, int]:
        """Workers and finishers to ask for now. The first of each is asked for also where there is no room."""
        beyond = max(FEWEST_WAITING, actors.workers) - actors.starting if grows else 0
        if actors.starting and beyond <= 0:
            return 0, 0
        workers = finishers = 0
        while workers < actors.shards:
            now = replace(actors, workers=actors.workers + workers, finishers=actors.finishers + finishers)
            finishes = self._wants_finisher(now, lagging=actors.lagging and not actors.starting and not finishers)
            is_first = not (now.finishers if finishes else now.workers)
            if not room.take(FINISHER if finishes else self.workers) and not is_first:
                beyond -= 1
                if beyond < 0:
                    break
            workers, finishers = workers + (not finishes), finishers + finishes
        return workers, finishers

    def _wants_finisher(self, actors: Actors, lagging: bool) -> bool:
        """Whether the next one is a finisher: the first, those of the workers, and one more where they lag."""
        if self.finishers_of is None:
            return False
        return actors.finishers < max(1, math.ceil(self.finishers_of * actors.workers)) or lagging
