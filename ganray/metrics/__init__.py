"""How good a set of samples is, against photos: METRICS and NEIGHBOURS, and what measures them all beside their floors.

Every figure is measured twice: on the samples, and (its floor) on held-out photos in their place. A perfect generator reaches the floor.
No figure stands alone: distance hardly tells a collapsed model from a good one, coverage and the neighbour ratio do. To add a metric,
write one file and add one line to a table: METRICS compares sets of one size, NEIGHBOURS each image with the nearest of a whole catalog.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from ganray.errors import EvaluationError
from ganray.metrics.coverage import coverage, density
from ganray.metrics.frechet import frechet_distance
from ganray.metrics.kernel import kernel_distance
from ganray.metrics.neighbours import copied_share, neighbour_ratio


@dataclass(frozen=True)
class Figure:
    """What a report says about a number: its title, where a good value lies, and what it tells."""

    title: str
    good: Literal["low", "high", "as photos"]
    meaning: str


@dataclass(frozen=True)
class Metric(Figure):
    """A figure that is measured on features: `measure(train, holdout, sample)`, each float [n, d]."""

    measure: Callable[[Tensor, Tensor, Tensor], float]


@dataclass(frozen=True)
class Neighbour(Figure):
    """A figure of distances to the nearest (other) photo of the catalog: `measure(photos, sample)`, each float [n]."""

    measure: Callable[[Tensor, Tensor], float]


METRICS: dict[str, Metric] = {
    "frechet": Metric(
        "Frechet distance",
        "low",
        "How far the crowd of generated images is from the crowd of photos. Held-out photos are not at 0 either: theirs is the floor.",
        lambda train, holdout, sample: frechet_distance(train, sample),
    ),
    "kernel": Metric(
        "Kernel distance",
        "low",
        "The same question asked another way, without bias: at 0 the two crowds cannot be told apart.",
        lambda train, holdout, sample: kernel_distance(train, sample),
    ),
    "density": Metric(
        "Density",
        "as photos",
        "How typical the images are. Low: many look like no photo. Above the photos' own: they crowd where photos are commonest.",
        lambda train, holdout, sample: density(train, sample),
    ),
    "coverage": Metric(
        "Coverage",
        "high",
        "Share of photos that have a generated image close by. It falls when the model repeats a few products.",
        lambda train, holdout, sample: coverage(train, sample),
    ),
}

NEIGHBOURS: dict[str, Neighbour] = {
    "neighbour_ratio": Neighbour(
        "Neighbour ratio",
        "as photos",
        "Distance of an image to its nearest photo, over that of a held-out photo to its own. Near 0 it copies; far above 1 it strays.",
        neighbour_ratio,
    ),
    "copied_share": Neighbour(
        "Suspected copies",
        "as photos",
        "Share of images that lie as close to a photo as only the closest 1 % of other photos do. Look at the report's nearest pairs.",
        copied_share,
    ),
}

ACCURACY = Figure(
    "Accuracy", "high", "Share of images that the extractor takes for what was asked: right category, right colour and so on, averaged."
)
FIGURES: dict[str, Figure] = {**METRICS, **NEIGHBOURS, "accuracy": ACCURACY}


def score(train: Tensor, holdout: Tensor, sample: Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """(scores, floors) by metric name, of features float [n, d] in one extractor's space; all three of one length."""
    if not len(train) == len(holdout) == len(sample):
        raise EvaluationError(
            f"{len(train)} training photos, {len(holdout)} held-out photos and {len(sample)} samples do not compare",
            "Score sets of one size: distances depend on it",
        )
    return _measured(train, holdout, sample), _measured(train, holdout, holdout)


def score_neighbours(photos: Tensor, sample: Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """(scores, floors) by name, of distances float [n] of held-out photos and of samples to the nearest photo that is not themselves."""
    scores, floors = ({name: _rounded(figure.measure(photos, part)) for name, figure in NEIGHBOURS.items()} for part in (sample, photos))
    return scores, floors


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float]:
    """Change of every score from one report to another. Raises EvaluationError where extractor, number or photos searched differ."""
    for what, one, other in (
        ("extractor", before["extractor"]["digest"], after["extractor"]["digest"]),
        ("number of images", before["num"], after["num"]),
        ("photos searched for copies", before.get("searched"), after.get("searched")),
    ):
        if one != other:
            raise EvaluationError(
                f"the reports differ in {what}: {one} and {other}", "Evaluate again with --extractor, --num and --search of the first"
            )
    return {name: after["scores"][name] - value for name, value in before["scores"].items() if name in after["scores"]}


def _measured(train: Tensor, holdout: Tensor, sample: Tensor) -> dict[str, float]:
    return {name: _rounded(metric.measure(train, holdout, sample)) for name, metric in METRICS.items()}


def _rounded(value: float) -> float:
    """Six digits: below that, threads and libraries add in different orders."""
    return float(f"{value:.6g}")
