"""`inpaint`: holes of 22 - 27 % of held-out photos, or of drawn products where none are given, filled again.

Decibels over OpenCV's Telea, texture distance over PatchMatch's (pypatchmatch, where it is installed; else over Telea's), ground that is
white and does not stay it, pixels changed outside the holes, and CPU seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ganray.benchmarks import edit_fixtures as fixtures
from ganray.benchmarks.texture_distance import texture_distance
from ganray.benchmarks.worst_sheet import WorstSheet
from ganray.catalog.sample import draw, product
from ganray.config import BenchmarkConfig
from ganray.edits import Photo
from ganray.edits.inpaint import InpaintParams, inpaint
from ganray.images.codec import Pixels
from ganray.images.components import Mask
from ganray.metrics.paired import psnr, ssim
from ganray.model_folder import has_editor

PHOTOS, SHARE, RADIUS = 32, (0.22, 0.27), 3
SIDE = 400  # of drawn products, in pixels
WHITE, OFF = 253, 6  # levels: from which on ground is white, and by how much it may be off
MOST = {"inpaint-texture": 0.9, "inpaint-white": 0.02, "inpaint-outside": 0.0, "inpaint-seconds": 6.0}  # bars beside that of decibels
SEARCHED = 3  # radius of the patches of PatchMatch


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """Five rows: decibels, texture, white ground, pixels outside, seconds."""
    tools = fixtures.load_tools(config) if has_editor(config.editor) else fixtures.BenchmarkTools({})
    fillers, rng = _fillers(), np.random.default_rng(2)
    rows: list[dict[str, float]] = []
    sheet = WorstSheet("inpaint")
    for truth in _pictures(config):
        hole = fixtures.hole_of_share((truth.shape[0], truth.shape[1]), rng, *SHARE)
        holed = np.where(hole[..., None], np.uint8(255), truth)
        tools.pictures["mask"] = np.repeat(np.uint8(255) * hole[..., None].astype(np.uint8), 3, 2)
        begin = time.process_time()
        ours = inpaint(Photo(holed), InpaintParams(grow=0), tools).pixels
        seconds = time.process_time() - begin
        others = {name: filler(holed, hole) for name, filler in fillers.items()}
        rows.append(_figures(truth, hole, ours, others) | {"seconds": seconds})
        sheet.add(rows[-1]["psnr"] - rows[-1]["psnr_telea"], [holed, next(reversed(others.values())), ours])
    facts = {"photos": len(rows), "network": tools.network("inpaint") is not None, **sheet.facts()}
    return _summary(rows, next(reversed(fillers)), facts)


def _pictures(config: BenchmarkConfig) -> Iterator[Pixels]:
    """Photos, or products that are drawn on white and before clutter in turn."""
    if config.photos:
        yield from fixtures.photos(config, config.images or PHOTOS)
        return
    for index in range(config.images or PHOTOS):
        yield draw(product(11, index, cluttered=float(index % 2)), SIDE)[0]


def _fillers() -> dict[str, Callable[[Pixels, Mask], Pixels]]:
    """What others would fill a hole with, the yardstick of texture last."""
    cv2 = fixtures.opencv("inpaint")

    def telea(holed: Pixels, hole: Mask) -> Pixels:
        filled: Pixels = cv2.inpaint(holed, 255 * hole.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA)
        return filled

    try:
        import patchmatch
    except ImportError:
        return {"telea": telea}

    def searched(holed: Pixels, hole: Mask) -> Pixels:
        patchmatch.set_random_seed(0)
        filled: Pixels = patchmatch.inpaint(holed, 255 * hole[..., None].astype(np.uint8), patch_size=SEARCHED)
        return np.where(hole[..., None], filled, holed)

    return {"telea": telea, "patchmatch": searched}


def _figures(truth: Pixels, hole: Mask, ours: Pixels, others: dict[str, Pixels]) -> dict[str, float]:
    """The figures of one photo."""
    figures = {"psnr": psnr(ours, truth, hole), "ssim": ssim(ours, truth), "texture": texture_distance(ours, truth, hole)}
    for name, picture in others.items():
        figures |= {f"psnr_{name}": psnr(picture, truth, hole), f"texture_{name}": texture_distance(picture, truth, hole)}
    white = hole & (truth.min(2) >= WHITE)
    off = np.abs(ours.astype(np.int16) - truth).max(2) > OFF
    figures |= {"white": float(white.sum()), "off": float((off & white).sum())}
    return figures | {"outside": float((ours != truth).any(2)[~hole].sum())}


def _summary(rows: list[dict[str, float]], yardstick: str, facts: dict[str, Any]) -> list[dict[str, Any]]:
    means = fixtures.mean_of(rows)
    texture, over = means["texture"], means[f"texture_{yardstick}"]
    off = means["off"] / max(means["white"], 1.0)
    gain = means["psnr"] - means["psnr_telea"]
    seconds = means["seconds"]
    figures = {
        "inpaint-texture": {"value": texture, "baseline": over, "ratio": texture / over, "unit": f"distance, over {yardstick}"},
        "inpaint-white": {"value": 100 * off, "baseline": 0, "ratio": off, "unit": "% of white ground"},
        "inpaint-outside": {"value": means["outside"], "baseline": 0, "ratio": means["outside"], "unit": "px"},
        "inpaint-seconds": {"value": seconds, "baseline": MOST["inpaint-seconds"], "ratio": seconds, "unit": "CPU s"},
    }
    first = {"name": "inpaint", "value": means["psnr"], "baseline": means["psnr_telea"], "ratio": gain, "unit": "dB"}
    return [first | {"ssim": means["ssim"]} | facts, *({"name": name, **row, "at_most": MOST[name]} for name, row in figures.items())]
