"""`samples`: what recipes draw after equal CPU time, on the sample catalog at 64 px and on given catalogs at 64 or 32 px.

The ratio is the Frechet distance above its floor of the last recipe of `recipes.py` over that of `r3`, medians over seeds. A curve has the
scores over the time. Runs are kept under out/benchmark/samples and not repeated: an interrupted benchmark continues. Beside them:
samples.md with tables and curves, samples.log with a line a run, sheets.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ganray.benchmarks.catalogs import ROOT, sample_catalog
from ganray.benchmarks.quality_run import Run, named
from ganray.benchmarks.quality_runs import Reports, family_of, perform_all, sheet, spread, table
from ganray.benchmarks.recipes import recipes_at
from ganray.catalog.reader import Catalog
from ganray.config import BenchmarkConfig
from ganray.on_ray.cluster import connect

PRODUCTS, RESOLUTION = 3000, 64
MARKS = (0.125, 0.25, 0.5)  # shares of the time at which a curve has a point, beside its end
BEFORE = "r3"  # what a recipe is compared with


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """One row a catalog."""
    root = Path(ROOT, "samples", f"{config.minutes:g}-minutes")
    connect(config.ray)
    catalogs = [sample_catalog(config.images or PRODUCTS, RESOLUTION, config.ray), *(Catalog.open(url) for url in config.catalogs)]
    models = [tuple(recipes_at(catalog.info.resolution, catalog.url)) for catalog in catalogs]
    families = [family_of(catalog, root, config.minutes, MARKS) for catalog in catalogs]
    pairs = list(zip(families, models, strict=True))
    runs = [named(family, seed, model) for seed in range(config.seeds) for family, own in pairs for model in own]
    reports = perform_all(runs, 1 + config.minutes)
    Path(root, "samples.log").write_text("".join(lines(runs, reports)))
    texts, rows = [], []
    for catalog, (family, own) in zip(catalogs, pairs, strict=True):
        made = {model: [reports[named(family, seed, model).out] for seed in range(config.seeds)] for model in own}
        texts += [table(catalog, made), curves(made)]
        rows.append(row(catalog, made))
        Path(f"{family.out}.png").write_bytes(sheet(catalog, family, own))
    Path(root, "samples.md").write_text("\n\n".join(texts) + "\n")
    return rows


def lines(runs: Iterable[Run], reports: dict[str, dict[str, Any]]) -> list[str]:
    """A line a run, for people."""
    texts = []
    for run in runs:
        scores, training = reports[run.out]["scores"], reports[run.out]["training"]
        texts.append(
            f"{run.catalog.rstrip('/').rpartition('/')[2]}  {run.model} seed {run.seed}: {training['kimg']:.1f} kimg in "
            f"{training['cpu_minutes']:.1f} CPU-min, distance {scores['frechet']:.3g}, coverage {scores['coverage']:.2f}, "
            f"accuracy {scores['accuracy']:.2f}\n"
        )
    return texts


def curves(reports: Reports) -> str:
    """Markdown: distance / coverage / accuracy of each model over CPU-minutes, medians over seeds."""
    minutes = [point["minutes"] for point in next(iter(reports.values()))[0]["curve"]]
    lines = ["| model | " + " | ".join(f"{minute:.1f} min" for minute in minutes) + " | end |", "|---" * (2 + len(minutes)) + "|"]
    for model, runs in reports.items():
        points = [[point["scores"] for point in run["curve"]] + [run["scores"]] for run in runs]
        cells = []
        for several in zip(*points, strict=True):
            middle = {name: statistics.median(scores[name] for scores in several) for name in ("frechet", "coverage", "accuracy")}
            cells.append(f"{middle['frechet']:.3g} / {middle['coverage']:.2f} / {middle['accuracy']:.2f}")
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def row(catalog: Catalog, reports: Reports) -> dict[str, Any]:
    """Medians over seeds: the last recipe's distance above the floor over the earlier recipe's, and over dcgan's."""
    above = {
        model: statistics.median(report["scores"]["frechet"] - report["floors"]["frechet"] for report in runs)
        for model, runs in reports.items()
    }
    best = list(reports)[-1]
    figures = {name: spread([report["scores"][name] for report in reports[best]]) for name in ("coverage", "accuracy")}
    return {
        "name": "samples",
        "value": round(above[best], 4),
        "baseline": round(above[BEFORE], 4),
        "ratio": round(above[best] / above[BEFORE], 4),
        "unit": "distance above floor",
        "catalog": catalog.url,
        "recipe": best,
        "over_dcgan": round(above[best] / above["dcgan"], 4),
        **figures,
        "seeds": len(reports[best]),
    }
