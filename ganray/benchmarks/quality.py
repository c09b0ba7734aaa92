"""`quality`: scores of `r3`, `dcgan` and `mlp` after equal CPU time, on the sample catalog and on given catalogs.

The ratio is r3's Frechet distance above its floor over dcgan's, medians over seeds. Runs are kept under out/benchmark/quality and not
repeated. A table (quality.md) and a sheet for each catalog are written beside them.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from ganray.benchmarks.catalogs import ROOT, sample_catalog
from ganray.benchmarks.quality_run import named
from ganray.benchmarks.quality_runs import Reports, family_of, perform_all, sheet, table
from ganray.benchmarks.recipes import FAMILIES
from ganray.catalog.reader import Catalog
from ganray.config import BenchmarkConfig
from ganray.errors import ConfigError
from ganray.on_ray.cluster import connect

PRODUCTS, RESOLUTION = 3000, 32


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """One row a catalog."""
    root = Path(ROOT, "quality", f"{config.minutes:g}-minutes")
    connect(config.ray)
    catalogs = [sample_catalog(config.images or PRODUCTS, RESOLUTION, config.ray), *(Catalog.open(url) for url in config.catalogs)]
    for catalog in catalogs:
        if catalog.info.resolution != RESOLUTION:
            raise ConfigError(
                f"catalog {catalog.url} has {catalog.info.resolution} px images, the models here draw {RESOLUTION} px",
                f"Ingest it with --resolution {RESOLUTION}",
            )
    families = [family_of(catalog, root, config.minutes) for catalog in catalogs]
    runs = [named(family, seed, model) for seed in range(config.seeds) for family in families for model in FAMILIES]
    reports = perform_all(runs, 1 + config.minutes)
    tables, rows = [], []
    for catalog, family in zip(catalogs, families, strict=True):
        own = {model: [reports[named(family, seed, model).out] for seed in range(config.seeds)] for model in FAMILIES}
        tables.append(table(catalog, own))
        rows.append(row(catalog, own))
        Path(f"{family.out}.png").write_bytes(sheet(catalog, family, FAMILIES))
    Path(root, "quality.md").write_text("\n\n".join(tables) + "\n")
    return rows


def row(catalog: Catalog, reports: Reports) -> dict[str, Any]:
    """Medians over seeds: the ratio of distances above the floor, and whether r3 leads both others in distance and coverage."""
    above = {
        model: statistics.median(report["scores"]["frechet"] - report["floors"]["frechet"] for report in runs)
        for model, runs in reports.items()
    }
    covered = {model: statistics.median(report["scores"]["coverage"] for report in runs) for model, runs in reports.items()}
    others = [model for model in reports if model != "r3"]
    return {
        "name": "quality",
        "value": round(above["r3"], 4),
        "baseline": round(above["dcgan"], 4),
        "ratio": round(above["r3"] / above["dcgan"], 4),
        "unit": "distance above floor",
        "catalog": catalog.url,
        "mlp": round(above["mlp"], 4),
        "coverage": {model: round(value, 4) for model, value in covered.items()},
        "leads": all(above["r3"] < above[other] and covered["r3"] > covered[other] for other in others),
        "seeds": len(reports["r3"]),
    }
