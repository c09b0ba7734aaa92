"""`recolor`: how far products of held-out composites are from the colour that was asked for, and what changed around them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganray.benchmarks import edit_fixtures as held
from ganray.config import BenchmarkConfig
from ganray.edits import Photo
from ganray.edits.palette import rgb_of
from ganray.edits.recolor import RecolorParams, recolor
from ganray.errors import EditError
from ganray.images.codec import Pixels
from ganray.images.lab import to_lab
from ganray.metrics.paired import delta_e_2000, ssim_lightness

COMPOSITES = 48
COLOURS = ("navy", "burgundy", "#2e8b57", "#d9a441", "#7a5230", "#b0b7c0")


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """Two rows: the median colour difference (CIEDE2000) of the product's median colour, and pixels changed outside the matte.

    The matte is the true one: cutting out has a benchmark of its own.
    """
    lent = held.tools(config)
    rows: list[dict[str, float]] = []
    sheet: list[list[Pixels]] = []
    outside = refused = 0
    for place, one in enumerate(held.composites(config, config.images or COMPOSITES)):
        colour = COLOURS[place % len(COLOURS)]
        try:
            after = recolor(Photo(one.pixels, matte=one.alpha), RecolorParams(colour=colour), lent).pixels
        except EditError:
            refused += 1
            continue
        changed = (after != one.pixels).any(2)
        outside += int(changed[one.alpha == 0].sum())
        solid = changed & (one.alpha > 0.95)  # what took the colour: prints and labels keep theirs
        target = to_lab(rgb_of(colour))
        median = np.median(to_lab(after[solid][None])[0], 0)
        rows.append({"delta_e": float(delta_e_2000(median, target)), "ssim_l": ssim_lightness(one.pixels, after, one.alpha > 0.5)})
        if len(sheet) < held.SHOWN:
            sheet.append([one.pixels, after])
    difference = float(np.median([row["delta_e"] for row in rows]))
    facts: dict[str, Any] = {"ssim_l": held.mean_of(rows)["ssim_l"], "composites": len(rows), "refused": refused}
    facts["sheet"] = held.write_sheet("recolor", sheet)
    return [
        {"name": "recolor", "value": difference, "baseline": 0.0, "ratio": difference, "unit": "dE2000", **facts},
        {"name": "outside", "value": outside, "baseline": 0, "ratio": float(outside), "unit": "px", "at_most": 0},
    ]
