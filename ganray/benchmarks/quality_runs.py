"""The runs of `quality` and `samples` together: begun, kept, put into tables and sheets.

Each run is kept under its folder and not repeated: an interrupted benchmark continues.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganray.benchmarks.quality_run import Run, named, perform
from ganray.catalog.reader import Catalog
from ganray.config import EvaluateConfig
from ganray.engine import Engine
from ganray.evaluation.evaluation import Step, num_of_each, split_photos, trained_extractor
from ganray.execution.resources import cores
from ganray.images.codec import Pixels
from ganray.images.provenance import Label, encode_labelled
from ganray.images.transforms import contact_sheet
from ganray.metrics.features import load_extractor
from ganray.progress import bar
from ganray.requests import GenerateRequest
from ganray.storage import open_store

SCORED = 1500
COLUMNS = 12
FIGURES = ("frechet", "kernel", "density", "coverage", "accuracy", "neighbour_ratio")
Reports = Mapping[str, Sequence[dict[str, Any]]]  # of each model, one a seed


def family_of(catalog: Catalog, root: Path, minutes: float, marks: tuple[float, ...] = ()) -> Run:
    """What all runs on a catalog share: one frozen extractor, trained here once, and one number of images."""
    out = root / catalog.url.rstrip("/").rpartition("/")[2] / catalog.info.digest.rpartition(":")[2][:8]
    scoring = EvaluateConfig(catalog=catalog.url, out=str(out), num=SCORED)
    num = num_of_each(scoring, catalog)
    if not (out / "extractor" / "extractor.json").exists():
        for step in trained_extractor(scoring, catalog, split_photos(catalog, num, scoring.seed)[0], "cpu"):
            assert isinstance(step, Step)
    extractor = str(out / "extractor")
    load_extractor(open_store(extractor))
    return Run(catalog.url, "", 0, minutes, extractor, num, str(out), marks)


def perform_all(runs: Sequence[Run], minutes: float) -> dict[str, dict[str, Any]]:
    """The reports of all runs by their folders: those that exist, and the others, one a core at a time."""
    reports = {run.out: json.loads(kept.read_text()) for run in runs if (kept := Path(run.out, "quality.json")).exists()}
    todo = [run for run in runs if run.out not in reports]
    with (
        bar("quality", len(runs) * minutes, "CPU-min") as progress,
        multiprocessing.get_context("spawn").Pool(cores(), maxtasksperchild=1) as pool,
    ):
        progress.update(len(reports) * minutes)
        waiting = {run.out: (run, pool.apply_async(perform, (run,))) for run in todo}
        while waiting:
            for out, (run, answer) in list(waiting.items()):
                if answer.ready():
                    del waiting[out]
                    reports[out] = answer.get()
                    Path(out, "quality.json").write_text(json.dumps(reports[out], indent=1))
                    progress.update(minutes, f"{run.model} seed {run.seed}: distance {reports[out]['scores']['frechet']:.3g}")
            progress.update(0)
            time.sleep(0.5)
    return reports


def table(catalog: Catalog, reports: Reports) -> str:
    """Markdown: a line a model with the median of each figure and its range over seeds, the floor last."""
    lines = [
        f"### {catalog.url.rstrip('/').rpartition('/')[2]}: {catalog.num_images:,} photos, digest {catalog.info.digest[:12]}",
        "",
        "| model | kimg | CPU-min | " + " | ".join(FIGURES) + " | by ImageNet |",
        "|---" * (4 + len(FIGURES)) + "|",
    ]
    for model, runs in reports.items():
        kimg, minutes = (statistics.median(report["training"][name] for report in runs) for name in ("kimg", "cpu_minutes"))
        lines.append(
            f"| {model} | {kimg:.0f} | {minutes:.1f} | "
            + " | ".join(spread([report["scores"][name] for report in runs]) for name in FIGURES)
            + f" | {by_imagenet(runs)} |"
        )
    first = next(iter(reports.values()))[0]
    floors, floor = first["floors"], f"{first['imagenet']['floor']:.3g}" if "imagenet" in first else "-"
    lines.append("| held-out photos | - | - | " + " | ".join(f"{floors[name]:.3g}" for name in FIGURES) + f" | {floor} |")
    return "\n".join(lines)


def by_imagenet(runs: Sequence[dict[str, Any]]) -> str:
    """The distances by ImageNet features; a dash where the extra `features` was not there."""
    values = [report["imagenet"]["frechet"] for report in runs if "imagenet" in report]
    return spread(values) if len(values) == len(runs) else "-"


def spread(values: Sequence[float]) -> str:
    """Median (least - most)."""
    return f"{statistics.median(values):.3g} ({min(values):.3g} - {max(values):.3g})"


def sheet(catalog: Catalog, family: Run, models: Sequence[str]) -> bytes:
    """Two rows of photos and two of each model (seed 0), a column for each value of the first attribute: a labelled PNG."""
    name, values = next(iter(catalog.vocabulary().items()), ("", ("",)))
    shown = (values * COLUMNS)[: max(COLUMNS // 2, min(COLUMNS, len(values)))]
    pixels, labels = catalog.sample(4096, np.random.default_rng(1))
    column = labels[:, 0] if labels.size else np.zeros(len(pixels), np.int64)
    choices = [[places[k] for value in range(len(values)) if len(places := np.flatnonzero(column == value)) > k] for k in range(2)]
    rows: list[tuple[str, list[Pixels]]] = [("photos", [pixels[place] for place in places[: len(shown)]]) for places in choices]
    for model in models:
        engine = Engine.load(f"{named(family, 0, model).out}/model", "cpu", threads=1)
        for k in range(2):
            requests = [
                GenerateRequest(id=f"{k}", attributes={name: value} if name else {}, seed=k * 100 + i) for i, value in enumerate(shown)
            ]
            rows.append((model, [sample.pixels for sample in engine.generate(requests)]))
    label = Label(model_digest="several", request_id="quality", seed=0, kind="compositeWithTrainedAlgorithmicMedia")
    return encode_labelled(contact_sheet(rows, tile=max(64, catalog.info.resolution)), "png", label)
