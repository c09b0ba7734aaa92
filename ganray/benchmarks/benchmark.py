"""The verb `benchmark`: what ganray adds on top of the bare loop it wraps. Both sides run in turn in the same run; the median counts."""

from __future__ import annotations

import importlib
import json
import platform
import sys
from collections.abc import Callable
from typing import Any

from ganray.config import BenchmarkConfig
from ganray.on_ray.cluster import cores

# name: (module with `measure(config) -> rows`, bar of the ratio, whether lower is better)
BENCHMARKS: dict[str, tuple[str, float, bool]] = {
    "input": ("ganray.benchmarks.input", 0.8, False),
    "train": ("ganray.benchmarks.train", 0.97, False),
    "train-scale": ("ganray.benchmarks.train_scale", 1.8, False),
    "resume": ("ganray.benchmarks.resume", 1.0, False),
    "generate": ("ganray.benchmarks.generate", 0.9, False),
    "generate-scale": ("ganray.benchmarks.generate_scale", 0.95, False),
    "ingest": ("ganray.benchmarks.ingest", 0.8, False),
    "labels": ("ganray.benchmarks.labels", 1.0, False),
    "ingest-memory": ("ganray.benchmarks.ingest_memory", 1.1, True),
    "serve": ("ganray.benchmarks.serve", 0.7, False),
    "memory": ("ganray.benchmarks.memory", 1.1, True),
    "penalty": ("ganray.benchmarks.penalty", 1.35, True),
    "quality": ("ganray.benchmarks.quality", 0.7, True),
    "titles": ("ganray.benchmarks.titles", 0.9, False),
    "matte": ("ganray.benchmarks.matte", 0.9, False),
    "upscale": ("ganray.benchmarks.upscale", 0.8, False),
    "inpaint": ("ganray.benchmarks.inpaint", 1.0, False),
    "enhance": ("ganray.benchmarks.enhance", 0.0, False),
    "recolor": ("ganray.benchmarks.recolor", 5.0, True),
    "relabel": ("ganray.benchmarks.relabel", 0.95, False),
    "edit-speed": ("ganray.benchmarks.edit_speed", 0.85, False),
    "exactly-once": ("ganray.benchmarks.exactly_once", 1.0, False),
}
HELD_OUT = {"matte", "upscale", "inpaint", "enhance", "recolor"}  # these need an editor and pictures that it has not seen
LONG = {"relabel", "quality", "titles", "resume", "exactly-once", "generate-scale", "ingest-memory", *HELD_OUT}  # not among `all`


def benchmark(config: BenchmarkConfig) -> None:
    """Run one benchmark or all; one row each, as a JSON line (`--json`) or for a person."""
    names = [name for name in BENCHMARKS if name not in LONG] if config.name == "all" else [config.name]
    if not config.json_lines:
        print(f"{platform.processor() or platform.machine()}, {cores()} cores, Python {platform.python_version()}", flush=True)
    for name in names:
        module, bar, lower = BENCHMARKS[name]
        measure: Callable[[BenchmarkConfig], list[dict[str, Any]]] = importlib.import_module(module).measure
        for row in measure(config):
            print(json.dumps(row) if config.json_lines else _line(row, bar, lower), flush=True)
        sys.stdout.flush()


def _line(row: dict[str, Any], bar: float, lower: bool) -> str:
    """`at_most` of a row is a bar of its own."""
    bar, lower = (row["at_most"], True) if "at_most" in row else (bar, lower)
    met = row["ratio"] <= bar if lower else row["ratio"] >= bar
    verdict = f"{'meets' if met else 'MISSES'} the bar {'<=' if lower else '>='} {bar}"
    rest = {key: value for key, value in row.items() if key not in ("name", "value", "baseline", "ratio", "unit", "at_most")}
    facts = ", ".join(f"{key} {value}" for key, value in rest.items())
    head = f"{row['name']:<9} {row['value']:>9.5g} {row['unit']}, bare {row['baseline']:.5g}: ratio {row['ratio']:.3f}, {verdict}"
    return head + (f" ({facts})" if facts else "")
