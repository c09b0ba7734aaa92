"""Benchmark `serve-upgrade`: requests that fail, or are answered by no version, while a model's version changes under load.

An alias of the table of models goes from one folder to another and back, again and again, with both versions' bytes known: 0 of them may be
lost, and no answer may be a mixture.
"""

from __future__ import annotations

import itertools
import tempfile
import threading
from pathlib import Path
from typing import Any

import yaml

from ganray.benchmarks.load_generator import Load, Shot
from ganray.benchmarks.random_model import make_model
from ganray.benchmarks.serve_kill import known_shots
from ganray.benchmarks.serve_sides import MINUTE, WARM_UP, Executor, Side, product_side, row
from ganray.config import BenchmarkConfig, ServeConfig

EXECUTORS: tuple[Executor, ...] = ("ray", "local")
ALIAS = "latest"
CONNECTIONS = 8
EVERY = 10.0  # seconds: longer than a server takes to notice


class Upgrades(threading.Thread):
    """Writes the table of models again, with the other folder each time."""

    def __init__(self, table: Path, folders: tuple[str, ...], every: float) -> None:
        super().__init__(daemon=True)
        self._table, self._folders, self._every = table, itertools.cycle(folders), every
        self._end = threading.Event()
        self.written = 0

    def write(self) -> None:
        """The next version; the file is whole at every moment."""
        new = self._table.with_suffix(".new")
        new.write_text(table_of(next(self._folders)))
        new.replace(self._table)
        self.written += 1

    def run(self) -> None:
        """Until `stop`."""
        while not self._end.wait(self._every):
            self.write()

    def stop(self) -> None:
        """No more of them."""
        self._end.set()
        self.join()


def table_of(folder: str) -> str:
    """A table of models with one alias."""
    return str(yaml.safe_dump({"models": {ALIAS: folder}}))


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """A row for each executor."""
    with tempfile.TemporaryDirectory() as folder:
        versions = tuple(f"{folder}/{number}" for number in (1, 2))
        for seed, version in enumerate(versions):
            make_model(version, seed=seed)
        return [_measure(config, folder, versions, executor) for executor in EXECUTORS]


def _measure(config: BenchmarkConfig, folder: str, versions: tuple[str, ...], executor: Executor) -> dict[str, Any]:
    table = Path(folder, "models.yaml")
    upgrades = Upgrades(table, versions, min(EVERY, MINUTE * config.seconds / 3))
    upgrades.write()
    known = tuple(_of_alias(first, second) for first, second in zip(*map(known_shots, versions), strict=True))
    with product_side(config, ServeConfig(model=versions[0], models=str(table)), executor) as side:
        report = _under_upgrades(side, Load(0, MINUTE * config.seconds, CONNECTIONS, shots=known), upgrades)
    lost = report["failures"] + report["wrong"]
    facts = {"upgrades": upgrades.written - 1, "sent": report["sent"], "statuses": report["statuses"], "wrong": report["wrong"]}
    seen = sum(count > 0 for count in report["bodies"])
    return row("serve-upgrade", lost, 1.0, "requests", executor=executor, at_most=0.0, versions_seen=seen, **facts)


def _under_upgrades(side: Side, load: Load, upgrades: Upgrades) -> dict[str, Any]:
    side.load(Load(0, WARM_UP, load.connections, shots=load.shots))
    upgrades.start()
    try:
        return side.load(load)
    finally:
        upgrades.stop()


def _of_alias(first: Shot, second: Shot) -> Shot:
    return Shot(f"/v1/generate?model={ALIAS}", first.body, sha256=(*first.sha256, *second.sha256))
