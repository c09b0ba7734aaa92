"""One table: benchmark name -> where it is measured, its bar, and what it needs. The option, its help and the verb follow from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Benchmark:
    """A benchmark: `module` has `measure(config) -> rows`; `bar` is that of the ratio, and a ceiling where `lower` is better.

    A `long` one is not among `all`. `needs` are the options that must be given: URLs of an S3 server or of pictures held out.
    """

    module: str
    bar: float
    lower: bool = False
    long: bool = False
    needs: tuple[str, ...] = ()


BENCHMARKS: dict[str, Benchmark] = {
    "input": Benchmark("ganray.benchmarks.input", 0.8),
    "train": Benchmark("ganray.benchmarks.train", 0.97),
    "train-scale": Benchmark("ganray.benchmarks.train_scale", 1.8),
    "resume": Benchmark("ganray.benchmarks.resume", 1.0, long=True),
    "generate": Benchmark("ganray.benchmarks.generate", 0.9),
    "generate-scale": Benchmark("ganray.benchmarks.generate_scale", 0.95, long=True),
    "small-job": Benchmark("ganray.benchmarks.small_job", 1.5, lower=True),
    "ingest": Benchmark("ganray.benchmarks.ingest", 0.8),
    "labels": Benchmark("ganray.benchmarks.labels", 1.0),
    "ingest-memory": Benchmark("ganray.benchmarks.ingest_memory", 1.1, lower=True, long=True),
    "serve": Benchmark("ganray.benchmarks.serve", 0.85),
    "serve-latency": Benchmark("ganray.benchmarks.serve_latency", 1.5, lower=True),
    "serve-peers": Benchmark("ganray.benchmarks.serve_peers", 1.0, long=True),
    "serve-edit": Benchmark("ganray.benchmarks.serve_edit", 0.85),
    "serve-overload": Benchmark("ganray.benchmarks.serve_overload", 1.0, lower=True, long=True),
    "serve-fair": Benchmark("ganray.benchmarks.serve_fair", 2.0, lower=True, long=True),
    "serve-kill": Benchmark("ganray.benchmarks.serve_kill", 0.0, lower=True, long=True),
    "serve-upgrade": Benchmark("ganray.benchmarks.serve_upgrade", 0.0, lower=True, long=True),
    "serve-cache": Benchmark("ganray.benchmarks.serve_cache", 5.0),
    "gpu-feed": Benchmark("ganray.benchmarks.gpu_feed", 0.9),
    "memory": Benchmark("ganray.benchmarks.memory", 1.1, lower=True),
    "penalty": Benchmark("ganray.benchmarks.penalty", 1.35, lower=True),
    "quality": Benchmark("ganray.benchmarks.quality", 0.7, lower=True, long=True),
    "samples": Benchmark("ganray.benchmarks.samples", 0.6, lower=True, long=True),
    "titles": Benchmark("ganray.benchmarks.titles", 0.9, long=True),
    "matte": Benchmark("ganray.benchmarks.matte", 0.9, long=True, needs=("photos", "cutouts")),
    "studio": Benchmark("ganray.benchmarks.studio", 0.98, long=True),
    "upscale": Benchmark("ganray.benchmarks.upscale", 0.8, long=True, needs=("photos",)),
    "inpaint": Benchmark("ganray.benchmarks.inpaint", 1.5, long=True),
    "enhance": Benchmark("ganray.benchmarks.enhance", 0.0, long=True, needs=("photos",)),
    "recolor": Benchmark("ganray.benchmarks.recolor", 5.0, lower=True, long=True, needs=("photos", "cutouts")),
    "relabel": Benchmark("ganray.benchmarks.relabel", 0.95, long=True),
    "check": Benchmark("ganray.benchmarks.check", 0.9, long=True),
    "edit-speed": Benchmark("ganray.benchmarks.edit_speed", 0.85),
    "own-networks": Benchmark("ganray.benchmarks.own_networks", 0.9, long=True),
    "simulate": Benchmark("ganray.benchmarks.simulate", 1.1, lower=True, long=True),
    "exactly-once": Benchmark("ganray.benchmarks.exactly_once", 1.0, long=True, needs=("store",)),
}
ALL = "all"  # every benchmark but the long ones


def names(*, long: bool) -> list[str]:
    """The names of the long benchmarks, or of the others."""
    return [name for name, benchmark in BENCHMARKS.items() if benchmark.long is long]
