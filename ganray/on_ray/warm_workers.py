"""Make Ray's idle workers ready to encode while the engines load: a worker takes seconds to import what it needs, once."""

from __future__ import annotations

import importlib

import ray

MODULES = ("ray.data", "ganray.bulk.commit")


def warm_up(workers: int) -> None:
    """Let that many workers load their modules; returns at once."""
    task = ray.remote(num_cpus=1)(load_modules)
    for _ in range(workers):
        task.remote()


def load_modules() -> None:
    """Import what a writing task needs; a later task of the same job in this process finds it done."""
    for name in MODULES:
        importlib.import_module(name)
