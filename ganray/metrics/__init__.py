"""Scores of a set of samples against photos: METRICS and NEIGHBOURS, each measured beside its floor.

Every score is measured twice: on the samples, and on held-out photos in their place (the floor). A perfect generator reaches the floor.
No score is enough alone: distance hardly tells a collapsed model from a good one; coverage and the neighbour ratio do. To add a score,
write one file, add one line to METRICS (compares sets of one size) or NEIGHBOURS (compares each image with the nearest photo of a whole
catalog), and describe it in FIGURES (figures.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from ganray.errors import EvaluationError
from ganray.metrics.coverage import coverage, density
from ganray.metrics.figures import FIGURES, MERIT, RUN_FIGURES, Figure, with_current_names
from ganray.metrics.frechet import frechet_distance
from ganray.metrics.kernel import kernel_distance
from ganray.metrics.neighbours import copied_share, neighbour_ratio

__all__ = [
    "FIGURES",
    "MERIT",
    "METRICS",
    "NEIGHBOURS",
    "RUN_FIGURES",
    "Figure",
    "compare",
    "score",
    "score_neighbours",
    "with_current_names",
]

METRICS: dict[str, Callable[[Tensor, Tensor], float]] = {
    "frechet": frechet_distance,
    "kernel": kernel_distance,
    "density": density,
    "coverage": coverage,
}  # of features float [n, d] of photos and of samples

NEIGHBOURS: dict[str, Callable[[Tensor, Tensor], float]] = {
    "neighbour_ratio": neighbour_ratio,
    "copied_share": copied_share,
}  # of distances float [n] of held-out photos and of samples to the nearest (other) photo of the catalog


def score(train: Tensor, holdout: Tensor, sample: Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """(scores, floors) by name, of features float [n, d] in one extractor's space; all three of one length. Raises EvaluationError."""
    if not len(train) == len(holdout) == len(sample):
        raise EvaluationError(
            f"{len(train)} training photos, {len(holdout)} held-out photos and {len(sample)} samples cannot be compared",
            "Score sets of one size: distances depend on it",
        )
    return _measured(train, sample), _measured(train, holdout)


def score_neighbours(photos: Tensor, sample: Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """(scores, floors) by name, of distances float [n] of held-out photos and of samples to the nearest photo that is not themselves."""
    scores, floors = (
        {name: _rounded(measure(photos, distances)) for name, measure in NEIGHBOURS.items()} for distances in (sample, photos)
    )
    return scores, floors


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float]:
    """Change of every score from one report to another. Raises EvaluationError where extractor, number or photos searched differ."""
    for subject, first, second in (
        ("extractor", before["extractor"]["digest"], after["extractor"]["digest"]),
        ("number of images", before["num"], after["num"]),
        ("photos searched for copies", before.get("searched"), after.get("searched")),
    ):
        if first != second:
            raise EvaluationError(
                f"the reports differ in {subject}: {first} and {second}", "Evaluate again with --extractor, --num and --search of the first"
            )
    return {name: after["scores"][name] - value for name, value in before["scores"].items() if name in after["scores"]}


def _measured(photos: Tensor, sample: Tensor) -> dict[str, float]:
    return {name: _rounded(measure(photos, sample)) for name, measure in METRICS.items()}


def _rounded(value: float) -> float:
    """Six digits: below that, threads and libraries add in different orders."""
    return float(f"{value:.6g}")
