"""Which of two moments of a run drew better, and whether the run has collapsed: rules over rows of scores, nothing else.

No single figure tells: a collapsed model and a copying one can both lie at a distance that a good one has (GAN.md E3: 8.95, 11.5 and
9.35). So four shares are multiplied, each of what held-out photos reach: one that falls to nothing takes the product along.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Row = Mapping[str, float]

PATIENCE = 3  # scores in a row: one alone may be an accident
SEEN = 0.1  # share of the photos' coverage that a run must have had: before, there is nothing to lose


def shares(row: Row) -> dict[str, float]:
    """How much of what photos reach, from 0 to 1. The distance by its root, as it is a square; the neighbour ratio is a share as it is.

    Of a row: fd, coverage, accuracy, each with its `_floor`, and nn_ratio. Without accuracy (no attributes) obedience is whole.
    """
    return {
        "closeness": math.sqrt(_share(row["fd_floor"], row["fd"])),
        "variety": _share(row["coverage"], row["coverage_floor"]),
        "obedience": _share(row["accuracy"], row["accuracy_floor"]) if "accuracy" in row else 1.0,
        "novelty": _share(row["nn_ratio"], 1.0),
    }


def merit(row: Row) -> float:
    """The product of the four shares: 1 where samples cannot be told from new photos, 0 where they all repeat, copy or disobey."""
    return math.prod(shares(row).values())


def better(row: Row, best: Row | None) -> bool:
    """Whether `row` is to be kept instead of `best`."""
    return best is None or merit(row) > merit(best)


def collapse(rows: Sequence[Row], least: float) -> str:
    """What to say where the last three coverages of a run are all below `least` of the best before them; nothing while they are not.

    `rows` in the order of images seen, each with kimg, coverage and coverage_floor; `least` = 0 never sees a collapse.
    """
    before, last = rows[:-PATIENCE], rows[-PATIENCE:]
    best = max(before, key=lambda row: row["coverage"], default=None)
    if best is None or best["coverage"] < SEEN * best["coverage_floor"]:
        return ""
    if any(row["coverage"] >= least * best["coverage"] for row in last):
        return ""
    return (
        f"coverage fell from {best['coverage']:.2f} at {best['kimg']:g} kimg to {last[-1]['coverage']:.2f} at {last[-1]['kimg']:g} kimg, "
        f"{PATIENCE} times in a row below {least:g} of it: the generator repeats a few products"
    )


def _share(value: float, whole: float) -> float:
    return min(max(value / whole, 0.0), 1.0) if whole > 0 else 1.0
