"""The verb `evaluate`: a model folder and its catalog -> a report and a page with pictures.

One worker does the work (on a GPU if there is one) and reports its progress. Photos are sampled from the catalog in two halves, `train`
and `holdout`. The extractor learns from the first; samples are generated for the labels of the second, and compared in its place. So the
floor of each score is that of the second half: a perfect model reaches it. Copies are searched in the whole catalog, or in as much of it
as `search` allows, a row group at a time: the nearest other photo to each sample and to each held-out photo.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

from ganray.catalog.reader import Catalog
from ganray.catalog.search_groups import groups_to_search
from ganray.config import EvaluateConfig
from ganray.copies.methods import IMAGENET, METHODS, chosen_method
from ganray.evaluation.evaluation import Step, examine, num_of_each
from ganray.evaluation.truncation import format_curve, truncations_of
from ganray.execution.choice import Demand, choose_executor
from ganray.execution.gpus import GpuDemand, announce_gpus
from ganray.execution.port import Resources, Workers
from ganray.execution.resources import cores, require_cpus
from ganray.metrics import FIGURES
from ganray.metrics.recognition import VERDICTS
from ganray.metrics.summary import percent, shown
from ganray.progress import Progress, bar
from ganray.runs.card_scores import put_on_card
from ganray.storage import absolute_url, open_store
from ganray.storage.retry import patiently

THREADS = 2  # under every executor, if the machine has them: the extractor's digest depends on it
# CPU seconds on one core for each image, see tests/benchmarks/LOG.md ("what ingest and evaluate are estimated at").
EXTRACT_SECONDS, TRAIN_SECONDS = 1.2e-3, 1.6e-3  # of any size: the extractor sees small views
EMBED_SECONDS = 20e-3  # where copies are found by an embedding
GENERATE_SECONDS = 1.35e-3  # of 32 px by the preset demo-32; proportional to pixels
MOST_ATTRIBUTES, MOST_VALUES = 3, 8  # in a terminal; the page has more


def evaluate(config: EvaluateConfig, progress: Progress | None = None) -> dict[str, Any]:
    """Score the model; writes report.json (the returned report), report.html, contact_sheet.png, nearest_photos.png and the extractor under
    `out`.

    Raises CatalogError, CheckpointError, ClusterError, EvaluationError, RequestError, StorageError. Equal inputs give equal reports.

    >>> ganray.evaluate(ganray.EvaluateConfig(model="model", catalog="nowhere", executor="local"))
    Traceback (most recent call last):
    ganray.errors.CatalogError: ...
    """
    config = absolute(config).model_copy(update={"copies_by": chosen_method(config.copies_by)})
    catalog = Catalog.open(config.catalog)
    num, searched = num_of_each(config, catalog), sum(rows for _, _, rows in groups_to_search(catalog, config.search, config.seed))
    learned = 0 if config.extractor else round(config.extractor_kimg * 1000)
    cut = num * len(truncations_of(config.truncations)) if config.truncations else 0
    generating = (num + cut) * GENERATE_SECONDS * (catalog.info.resolution / 32) ** 2
    seconds = generating + (3 * num + cut + searched) * EXTRACT_SECONDS + learned * TRAIN_SECONDS
    seconds += (config.copies_by == IMAGENET) * (num + searched) * EMBED_SECONDS
    executor = choose_executor(config.executor, config.ray, demand(seconds))
    resources = executor.resources()
    gpu, threads = announce_gpus(GpuDemand("evaluate", config.gpu, share=config.gpu_share), resources), evaluation_cpus(resources)
    task = partial(examine, config, "cuda" if gpu else "cpu", threads)
    with nullcontext(progress) if progress else bar("evaluate", 4 * num + cut + searched + learned, "img") as shown:
        for step in executor.stream(task, Workers(1, threads, config.gpu_share if gpu else 0.0)):
            if isinstance(step, Step):
                shown.update(step.images, step.stage)
            else:
                report = step
    print(f"evaluate: {patiently('evaluate', put_on_card, open_store(config.model), report)}", file=sys.stderr)
    return report


def show(report: Mapping[str, Any]) -> str:
    """The report in a few lines: each score and each value beside those of held-out photos, and the summary at the end."""
    scores, floors = report["scores"], report["floors"]
    rows = [f"{report['num']} of each {'generated':>18} {'held-out photos':>16}"]
    rows += [f"{figure.title:<18} {scores[name]:>10.4g} {floors[name]:>16.4g}" for name, figure in FIGURES.items() if name in scores]
    asked = {name: row for name, row in report["accuracy"].items() if row["generated"] is not None}
    for name, row in list(asked.items())[:MOST_ATTRIBUTES]:
        rows += _values(name, row)
    copies, has = report["copies"], report["catalog"]["num_images"]
    found = f"{copies['found']:,} of {report['num']:,} images are copies of one, sought by {METHODS[copies['method']].title}"
    rows.append(f"searched for copies in {report['searched']:,} of {has:,} photos: {found}")
    if "truncation" in report:
        rows.append(format_curve(report["truncation"]))
    rows.append(report["summary"])
    return "\n".join(rows)


def _values(name: str, row: Mapping[str, Any]) -> list[str]:
    """An attribute and its worst values."""
    values = list(row["values"].items())
    rows = [_line(shown(name), row, "")]
    rows += [
        _line(f"  {shown(value)}", each, f"  {VERDICTS[each['verdict']]}, {each['num']:,} of each") for value, each in values[:MOST_VALUES]
    ]
    return rows + ([f"  and {len(values) - MOST_VALUES} more, see report.html"] if len(values) > MOST_VALUES else [])


def _line(title: str, row: Mapping[str, Any], more: str) -> str:
    generated, photos = ("none" if row[name] is None else percent(row[name]) for name in ("generated", "photos"))
    return f"{title:<18} {generated:>10} {photos:>16}{more}"


def demand(cpu_seconds: float) -> Demand:
    """The work of one worker with THREADS threads, however many cores there are."""
    return Demand("evaluate", cpu_seconds * max(1.0, cores() / THREADS))


def evaluation_cpus(resources: Resources) -> int:
    """Threads of the worker: at most those of the largest node. Raises ClusterError if there is no CPU."""
    require_cpus(1, resources, "evaluate")
    return max(1, int(min(THREADS, resources.node_cpus)))


def absolute(config: EvaluateConfig) -> EvaluateConfig:
    """The same URLs, valid in a process with another working directory."""
    names = ("model", "catalog", "out", "extractor")
    return config.model_copy(update={name: absolute_url(getattr(config, name)) for name in names})
