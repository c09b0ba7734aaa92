"""The verb `benchmark`: ganray beside the bare loop it wraps. Both sides run in turn in the same run; the median counts."""

from __future__ import annotations

import importlib
import json
import platform
import sys
from collections.abc import Callable
from typing import Any

from ganray.benchmark_table import ALL, BENCHMARKS, Benchmark, names
from ganray.config import BenchmarkConfig
from ganray.execution.resources import cores


def benchmark(config: BenchmarkConfig) -> None:
    """Run one benchmark or all; one row each, as a JSON line (`--json`) or for a person."""
    if not config.json_lines:
        print(f"{platform.processor() or platform.machine()}, {cores()} cores, Python {platform.python_version()}", flush=True)
    for name in names(long=False) if config.name == ALL else [config.name]:
        chosen = BENCHMARKS[name]
        measure: Callable[[BenchmarkConfig], list[dict[str, Any]]] = importlib.import_module(chosen.module).measure
        for row in measure(config):
            print(json.dumps(row) if config.json_lines else _line(row, chosen), flush=True)
        sys.stdout.flush()


def _line(row: dict[str, Any], benchmark: Benchmark) -> str:
    """A row for a person. `at_most` or `at_least` of a row is a bar of its own."""
    bar, lower = (row["at_most"], True) if "at_most" in row else (benchmark.bar, benchmark.lower)
    bar, lower = (row["at_least"], False) if "at_least" in row else (bar, lower)
    met = row["ratio"] <= bar if lower else row["ratio"] >= bar
    verdict = f"{'meets' if met else 'MISSES'} the bar {'<=' if lower else '>='} {bar}"
    rest = {key: value for key, value in row.items() if key not in ("name", "value", "baseline", "ratio", "unit", "at_most", "at_least")}
    facts = ", ".join(f"{key} {value}" for key, value in rest.items())
    head = f"{row['name']:<9} {row['value']:>9.5g} {row['unit']}, bare {row['baseline']:.5g}: ratio {row['ratio']:.3f}, {verdict}"
    return head + (f" ({facts})" if facts else "")
