"""How well each value of an attribute is recognised in generated images, beside held-out photos of the same value.

The rule of `judge`, for a value with `num` photos and as many images generated for it:

- `few`: fewer than 5 images.
- `unknown`: photos of it are not told from others. The lower Wilson bound of their share (Wilson 1927, JASA 22:209) is not above the
  share of other photos that are taken for it, so that the extractor cannot judge a model either.
- `worse`: the upper bound of the difference generated - photos is below 0, by the hybrid score interval (Newcombe 1998, Statistics in
  Medicine 17:873, method 10), which holds for few images and for shares near 0 and 1.
- `few` again: not worse, but images that are recognised a third less often than photos would not be called worse either.
- `as_photos`: the rest.

Bounds are one-sided at 95 %: of a model whose images are recognised exactly as photos are, one value in twenty is called worse by chance.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ganray.metrics.features import Extractor

LEAST = 5  # below, one value in ten of a perfect model would be called worse
Z = 1.6449  # of the normal distribution, one-sided 95 %
NOTICEABLE = 2 / 3  # of the photos' share: what a verdict of `as_photos` must be able to rule out
UNKNOWN, WORSE, FEW, AS_PHOTOS = "unknown", "worse", "few", "as_photos"
VERDICTS = {  # the worst first
    WORSE: "worse than photos",
    FEW: "too few to tell",
    AS_PHOTOS: "as well as photos",
    UNKNOWN: "not told apart in photos either",
}
Row = dict[str, Any]


def wilson(share: float, num: int) -> tuple[float, float]:
    """Lower and upper bound of the probability of which `share` of `num` trials was seen, each one-sided at 95 %."""
    centre, square = share + Z * Z / (2 * num), Z * Z / num
    half = Z * math.sqrt(share * (1 - share) / num + square / (4 * num))
    return max(0.0, (centre - half) / (1 + square)), min(1.0, (centre + half) / (1 + square))


def largest_difference(generated: float, photos: float, num: int) -> float:
    """Upper bound, one-sided at 95 %, of the difference of the probabilities behind two shares of `num` trials each."""
    above, below = wilson(generated, num)[1] - generated, photos - wilson(photos, num)[0]
    return generated - photos + math.hypot(above, below)


def judge(generated: float, photos: float, num: int, mistaken: float) -> str:
    """The verdict on a value by the rule above; `mistaken` is the share of photos of other values that are taken for it."""
    if num < LEAST:
        return FEW
    if wilson(photos, num)[0] <= mistaken:
        return UNKNOWN
    if largest_difference(generated, photos, num) < 0:
        return WORSE
    return AS_PHOTOS if largest_difference(NOTICEABLE * photos, photos, num) < 0 else FEW


def recognition(
    extractor: Extractor, holdout: Tensor, sample: Tensor, labels: NDArray[np.int64], asked: Collection[str]
) -> dict[str, dict[str, Any]]:
    """By attribute: the share of held-out photos and of samples that are recognised, and the same of each value, the worst first.

    Features [n, 64] of photos and of samples drawn for their labels int64 [n, heads]. Attributes outside `asked`, which no sample was drawn
    for, have None in place of the samples' shares. A value is {num, generated, photos, verdict}; without photos, it has no shares.
    """
    named = [extractor.name(features).cpu().numpy() for features in (holdout, sample)]
    report: dict[str, dict[str, Any]] = {}
    for column, (name, values) in enumerate(extractor.heads.items()):
        photos, generated, label = named[0][:, column], named[1][:, column], labels[:, column]
        rows = _values(photos, generated if name in asked else None, label, values)
        report[name] = {
            "generated": float((generated == label).mean()) if name in asked else None,
            "photos": float((photos == label).mean()),
            "values": dict(sorted(rows.items(), key=lambda row: _place(row[1]))),
        }
    return report


def _values(photos: NDArray[Any], generated: NDArray[Any] | None, labels: NDArray[Any], values: Sequence[str]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for number, value in enumerate(values):
        here = labels == number
        row: Row = {"num": int(here.sum()), "generated": None, "photos": None, "verdict": None}
        if row["num"]:
            row["photos"] = _share(photos[here] == number)
        if generated is not None:
            row["verdict"] = FEW
            if row["num"]:
                row["generated"] = _share(generated[here] == number)
                mistaken = float((photos[~here] == number).mean()) if row["num"] < len(labels) else 1.0
                row["verdict"] = judge(row["generated"], row["photos"], row["num"], mistaken)
        rows[value] = row
    return rows


def _place(row: Row) -> tuple[int, float]:
    """By verdict; of one verdict, the largest difference first. Where nothing was asked for, in the order of the catalog."""
    verdict = list(VERDICTS).index(row["verdict"]) if row["verdict"] else 0
    return verdict, row["generated"] - row["photos"] if row["generated"] is not None else 1.0


def _share(hits: NDArray[np.bool_]) -> float:
    return round(float(hits.mean()), 6)
