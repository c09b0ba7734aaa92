"""`recolor`: drawn studio photos on people against their true results, and recoloured products of held-out composites against the colour
asked for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from ganray.benchmarks import edit_fixtures as fixtures
from ganray.benchmarks.drawn_figures import solid
from ganray.benchmarks.recolor_pairs import Pair, pairs
from ganray.benchmarks.worst_sheet import WorstSheet
from ganray.config import BenchmarkConfig
from ganray.edits import Photo
from ganray.edits.palette import lab_of
from ganray.edits.recolor import RecolorParams, recolor
from ganray.errors import EditError
from ganray.images.codec import Pixels
from ganray.images.lab import to_lab
from ganray.metrics.paired import delta_e_2000, ssim_lightness

COMPOSITES, FIGURES = 48, 48
COLOURS = ("navy", "burgundy", "#2e8b57", "#d9a441", "#7a5230", "#b0b7c0")
MOST_DIFFERENCE = 4.0  # CIEDE2000 in the garment of an accepted photo, in the mean
REFERENCE, MASK = "reference", "mask"


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """Rows: CIEDE2000 to the true photo in the garment, the garment found and given by a mask; pixels of skin that changed; the colour
    difference of composites' median colour to a named one, their matte given; pixels changed outside of it."""
    return [*_figures(config), *_composites(config)]


def _figures(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """People in clothes, by reference: the true photo is the reference, of which the garment is to be found as well."""
    rows: dict[str, list[float]] = {"found": [], "masked": []}
    refused: Counter[str] = Counter()
    sheets = {name: WorstSheet(f"recolor-{name}") for name in rows}
    skin = 0
    for pair in pairs(config.images or FIGURES):
        for name, values in rows.items():
            try:
                after = _recoloured(pair, masked=name == "masked")
            except EditError as error:
                refused[f"{name}: {error.reason}"] += 1
                continue
            worn = solid(pair.photo.share("garment0"), 0.5)
            values.append(float(delta_e_2000(to_lab(after[worn]), to_lab(pair.truth.pixels[worn])).mean()))
            skin += int(((after != pair.photo.pixels).any(2) & solid(pair.photo.share("skin"))).sum())
            sheets[name].add(-values[-1], [pair.photo.pixels, pair.truth.pixels, after])
    table: list[dict[str, Any]] = []
    for name, values in rows.items():
        mean = float(np.mean(values)) if values else float("nan")
        row = {"name": name, "value": mean, "baseline": 0.0, "ratio": mean, "unit": "dE2000", "at_most": MOST_DIFFERENCE}
        table.append(
            {
                **row,
                "median": round(float(np.median(values)), 2) if values else 0.0,
                "accepted": len(values),
                "refused": dict(refused),
                **sheets[name].facts(),
            }
        )
    return [*table, {"name": "skin", "value": skin, "baseline": 0, "ratio": float(skin), "unit": "px", "at_most": 0}]


def _recoloured(pair: Pair, masked: bool) -> Pixels:
    mask = np.rint(255 * pair.photo.share("garment0")).astype(np.uint8)[..., None].repeat(3, 2)
    tools = fixtures.BenchmarkTools({}, {REFERENCE: pair.truth.pixels, MASK: mask})
    params = RecolorParams(reference=REFERENCE, mask=MASK if masked else "")
    return recolor(Photo(pair.photo.pixels), params, tools).pixels


def _composites(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """The matte is the true one: cutting out has a benchmark of its own."""
    tools = fixtures.load_tools(config)
    rows: list[dict[str, float]] = []
    sheet = WorstSheet("recolor")
    refused: Counter[str] = Counter()
    outside = 0
    for place, composite in enumerate(fixtures.composites(config, config.images or COMPOSITES)):
        colour = COLOURS[place % len(COLOURS)]
        try:
            after = recolor(Photo(composite.pixels, matte=composite.alpha), RecolorParams(colour=colour), tools).pixels
        except EditError as error:
            refused[error.reason] += 1
            continue
        changed = (after != composite.pixels).any(2)
        outside += int(changed[composite.alpha == 0].sum())
        applied = changed & (composite.alpha > 0.95)  # where the colour was applied: prints and labels keep theirs
        median = np.median(to_lab(after[applied][None])[0], 0)
        rows.append(
            {
                "delta_e": float(delta_e_2000(median, lab_of(colour))),
                "ssim_l": ssim_lightness(composite.pixels, after, composite.alpha > 0.5),
            }
        )
        sheet.add(-rows[-1]["delta_e"], [composite.pixels, after])
    difference = float(np.median([row["delta_e"] for row in rows])) if rows else float("nan")
    facts: dict[str, Any] = {"composites": len(rows), "refused": dict(refused), **sheet.facts()}
    if rows:
        facts["ssim_l"] = fixtures.mean_of(rows)["ssim_l"]
    return [
        {"name": "named", "value": difference, "baseline": 0.0, "ratio": difference, "unit": "dE2000", **facts},
        {"name": "outside", "value": outside, "baseline": 0, "ratio": float(outside), "unit": "px", "at_most": 0},
    ]
