"""`recolor`: distance of recoloured products of held-out composites from the requested colour, and pixels changed around them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganray.benchmarks import edit_fixtures as fixtures
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
    tools = fixtures.load_tools(config)
    rows: list[dict[str, float]] = []
    sheet: list[list[Pixels]] = []
    outside = refused = 0
    for place, composite in enumerate(fixtures.composites(config, config.images or COMPOSITES)):
        colour = COLOURS[place % len(COLOURS)]
        try:
            after = recolor(Photo(composite.pixels, matte=composite.alpha), RecolorParams(colour=colour), tools).pixels
        except EditError:
            refused += 1
            continue
        changed = (after != composite.pixels).any(2)
        outside += int(changed[composite.alpha == 0].sum())
        solid = changed & (composite.alpha > 0.95)  # where the colour was applied: prints and labels keep theirs
        target = to_lab(rgb_of(colour))
        median = np.median(to_lab(after[solid][None])[0], 0)
        rows.append(
            {"delta_e": float(delta_e_2000(median, target)), "ssim_l": ssim_lightness(composite.pixels, after, composite.alpha > 0.5)}
        )
        if len(sheet) < fixtures.PICTURES_SHOWN:
            sheet.append([composite.pixels, after])
    difference = float(np.median([row["delta_e"] for row in rows]))
    facts: dict[str, Any] = {"ssim_l": fixtures.mean_of(rows)["ssim_l"], "composites": len(rows), "refused": refused}
    facts["sheet"] = fixtures.write_sheet("recolor", sheet)
    return [
        {"name": "recolor", "value": difference, "baseline": 0.0, "ratio": difference, "unit": "dE2000", **facts},
        {"name": "outside", "value": outside, "baseline": 0, "ratio": float(outside), "unit": "px", "at_most": 0},
    ]
