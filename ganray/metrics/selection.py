"""Which of two models of a run is better, and whether the run has collapsed: rules over rows of scores, nothing else.

No single score decides: a collapsed model and a copying one can both have the distance of a good one (GAN.md E3: 8.95, 11.5 and 9.35).
So four shares are multiplied, each relative to what held-out photos reach: if one falls to nothing, so does the product.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Row = Mapping[str, float]

SCORES_IN_A_ROW = 3  # scores in a row: a single one may be noise
REACHED_COVERAGE = 0.1  # share of the photos' coverage that a run must have reached before it can collapse


def shares(row: Row) -> dict[str, float]:
    """Each score relative to that of photos, from 0 to 1. The distance is a square, so its root counts; the neighbour ratio is a share.

    `row` has frechet, coverage and accuracy, each with its `_floor`, and neighbour_ratio. Without accuracy (a model without attributes)
    obedience is 1.
    """
    return {
        "closeness": math.sqrt(_share(row["frechet_floor"], row["frechet"])),
        "variety": _share(row["coverage"], row["coverage_floor"]),
        "obedience": _share(row["accuracy"], row["accuracy_floor"]) if "accuracy" in row else 1.0,
        "novelty": _share(row["neighbour_ratio"], 1.0),
    }


def merit(row: Row) -> float:
    """The product of the four shares: 1 where samples score as new photos do, 0 where all of them repeat, copy or ignore the attributes."""
    return math.prod(shares(row).values())


def better(row: Row, best: Row | None) -> bool:
    """Whether `row` has a higher merit than `best`, or there is no best one yet."""
    return best is None or merit(row) > merit(best)


def collapse(rows: Sequence[Row], least: float) -> str:
    """A message if the last three coverages of a run are all below `least` times the best one before them; "" otherwise.

    `rows` in the order of images seen, each with kimg, coverage and coverage_floor; `least` = 0 turns the rule off.
    """
    before, last = rows[:-SCORES_IN_A_ROW], rows[-SCORES_IN_A_ROW:]
    best = max(before, key=lambda row: row["coverage"], default=None)
    if best is None or best["coverage"] < REACHED_COVERAGE * best["coverage_floor"]:
        return ""
    if any(row["coverage"] >= least * best["coverage"] for row in last):
        return ""
    return (
        f"coverage fell from {best['coverage']:.2f} at {best['kimg']:g} kimg to {last[-1]['coverage']:.2f} at {last[-1]['kimg']:g} kimg, "
        f"{SCORES_IN_A_ROW} times in a row below {least:g} of it: the generator repeats a few products"
    )


def _share(value: float, whole: float) -> float:
    return min(max(value / whole, 0.0), 1.0) if whole > 0 else 1.0
