"""The verb `evaluate`: a model folder and its catalog in, a report and a page with pictures out.

One Ray task does the work (with a GPU where there is one) and streams back what it has done; the driver shows it. Photos are drawn from
the catalog in two halves, `train` and `holdout`. The extractor learns from the first; samples, asked for with the labels of the second,
take the second's place. So a model as good as new photos scores what the second half scores: the floor. Copies are sought in the whole
catalog, or in as much of it as `search` allows, a row group at a time: beside each sample and each held-out photo, the nearest other photo.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import ray

from ganray.catalog.reader import Catalog
from ganray.catalog.search_groups import groups_to_search
from ganray.config import EvaluateConfig
from ganray.evaluation.evaluation import (
    Step,
    examine,
    num_of_each,
)
from ganray.execution.port import Resources
from ganray.execution.resources import require_cpus, use_gpu
from ganray.metrics import FIGURES
from ganray.on_ray.cluster import connect
from ganray.progress import Progress, bar
from ganray.runs.card_scores import put_on_card
from ganray.storage import absolute_url, open_store

THREADS = 2  # fixed where the machine has them: the extractor's digest depends on it


def evaluate(config: EvaluateConfig, progress: Progress | None = None) -> dict[str, Any]:
    """Score the model; writes report.json (the returned report), report.html, contact_sheet.png and the extractor under `out`.

    Raises CatalogError, CheckpointError, EvaluationError, RequestError, StorageError. Equal inputs give equal reports.
    """
    config = absolute(config)
    catalog = Catalog.open(config.catalog)
    num, searched = num_of_each(config, catalog), sum(rows for _, _, rows in groups_to_search(catalog, config.search, config.seed))
    resources = connect(config.ray)
    device = "cuda" if use_gpu(config.gpu, resources) else "cpu"
    threads = evaluation_cpus(resources)
    task = ray.remote(examine).options(num_cpus=threads, num_gpus=int(device == "cuda"), num_returns="streaming")
    total = 4 * num + searched + (0 if config.extractor else round(config.extractor_kimg * 1000))
    with nullcontext(progress) if progress else bar("evaluate", total, "img") as shown:
        messages: Any = task.remote(config, device, threads)
        for message in messages:
            step = ray.get(message)
            if isinstance(step, Step):
                shown.update(step.images, step.stage)
    report: dict[str, Any] = step
    print(f"evaluate: {put_on_card(open_store(config.model), report)}", file=sys.stderr)
    return report


def evaluation_cpus(resources: Resources) -> int:
    """Threads of the task: it runs on one node, and Ray would wait for ever for more CPUs than the largest has. Raises ClusterError."""
    require_cpus(1, resources, "evaluate")
    return max(1, int(min(THREADS, resources.node_cpus)))


def absolute(config: EvaluateConfig) -> EvaluateConfig:
    """The same places, as another process with another working directory finds them."""
    names = ("model", "catalog", "out", "extractor")
    return config.model_copy(update={name: absolute_url(getattr(config, name)) for name in names})


def show(report: Mapping[str, Any]) -> str:
    """The report in a few lines: each figure beside what held-out photos score."""
    scores, floors = report["scores"], report["floors"]
    rows = [f"{report['num']} of each {'generated':>18} {'held-out photos':>16}"]
    rows += [f"{figure.title:<18} {scores[name]:>10.4g} {floors[name]:>16.4g}" for name, figure in FIGURES.items() if name in scores]
    rows.append(f"copies were sought among {report['searched']:,} of {report['catalog']['num_images']:,} photos")
    return "\n".join(rows)
