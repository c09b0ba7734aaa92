"""One shard of a job that generates: requests in, pixels and what is known of each as one table out. `commit.write` takes it from there."""

from __future__ import annotations

import time
from typing import Any

import pyarrow as pa

from ganray.bulk.gate import Drawn, Judge, Sample
from ganray.bulk.job import GenerateJob, read_shard
from ganray.config import GateConfig
from ganray.engine import Engine
from ganray.errors import CheckpointError
from ganray.requests import seed_of
from ganray.storage import Store

# Shards that a worker does at once, by device: on a GPU one is read and drawn, one rendered, and one becomes a table and is handed on.
AT_ONCE = {"cpu": 1, "cuda": 3}


def load_renderer(model: str, plan: GenerateJob, store: Store, threads: int, gate: GateConfig) -> Renderer:
    """A worker's renderer, with the engine of the job's model, and of a gated job the judge.

    Raises CheckpointError where another model lies there by now.
    """
    engine = Engine.load(model, plan.device, threads)
    if engine.info.digest != plan.model_digest:
        raise CheckpointError(f"{model} was replaced while the job ran", "Run the same command again with the model of the job")
    return Renderer(engine, Judge(store, gate, engine) if plan.gate_digest else None, plan, store)


class Renderer:
    """Renders shards of a job with one engine; thread-safe. The engine of a GPU renders one after the other, whatever the threads."""

    def __init__(self, engine: Engine, judge: Judge | None, plan: GenerateJob, store: Store) -> None:
        self._engine, self._judge, self._plan, self._store = engine, judge, plan, store
        self._ready = time.time()

    def __call__(self, shard: int) -> pa.Table:
        """Render one shard: a row an image, with the columns that `commit.write` lists."""
        samples = read_shard(self._store, self._plan, shard)
        drawn = self._judge.draw(samples) if self._judge else None
        if drawn is None:
            z, labels = self._engine.draw(samples)
            pixels, seeds = self._engine.render(z, labels), [seed_of(request) for request, _ in samples]
        else:
            pixels, labels, seeds = drawn.pixels, drawn.labels, drawn.seeds
        requests = [request for request, _ in samples]
        columns: dict[str, Any] = {
            "shard": pa.array([shard] * len(samples), pa.int64()),
            "ready": pa.array([self._ready] * len(samples), pa.float64()),
            "id": [request.id for request in requests],
            "index": pa.array([index for _, index in samples], pa.int32()),
            "seed": pa.array(seeds, pa.int64()),
            "format": [request.format for request in requests],
            "side": pa.array([request.side for request in requests], pa.int32()),
            "quality": pa.array([request.quality for request in requests], pa.int32()),
            "truncation": pa.array([request.truncation for request in requests], pa.float64()),
        }
        for column, (name, values) in enumerate(self._engine.vocabulary.values.items()):
            columns[f"attr:{name}"] = pa.array([*values, None], pa.string()).take(pa.array(labels[:, column]))  # null: left to the title
        columns |= self._columns_of_options(samples, drawn)
        kind = pa.binary(pixels[0].size)
        columns["pixels"] = pa.FixedSizeBinaryArray.from_buffers(kind, len(pixels), [None, pa.py_buffer(pixels)])
        return pa.table(columns)

    def _columns_of_options(self, samples: list[Sample], drawn: Drawn | None) -> dict[str, Any]:
        """What only some jobs have: segments of a policy, verdicts of a gate, titles."""
        columns: dict[str, Any] = {}
        if self._plan.policy_digest:
            columns["segment"] = [request.segment for request, _ in samples]
        if drawn is not None:
            columns["tries"] = pa.array(drawn.tries, pa.int32())
            columns["score"] = pa.array([verdict.score for verdict in drawn.verdicts], pa.float64())
            columns["refused"] = [verdict.reason for verdict in drawn.verdicts]
        if self._engine.vocabulary.pieces.num:
            columns["title"] = [request.title for request, _ in samples]
        return columns
