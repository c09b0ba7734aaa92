"""`inpaint`: PSNR inside holes of 15 - 25 % of held-out photos, over OpenCV's Telea, with its Navier-Stokes and the mean beside it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganray.benchmarks import edit_fixtures as fixtures
from ganray.config import BenchmarkConfig
from ganray.edits import Photo
from ganray.edits.inpaint import InpaintParams, inpaint
from ganray.images.codec import Pixels
from ganray.metrics.paired import psnr, ssim

PHOTOS, SHARE, RADIUS = 64, (0.15, 0.25), 3


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """Two rows: mean gain in dB, and pixels changed outside the holes."""
    tools, cv2 = fixtures.load_tools(config), fixtures.opencv("inpaint")
    rng = np.random.default_rng(2)
    rows: list[dict[str, float]] = []
    sheet: list[list[Pixels]] = []
    outside = 0
    for truth in fixtures.photos(config, config.images or PHOTOS):
        hole = fixtures.hole_of_share((truth.shape[0], truth.shape[1]), rng, *SHARE)
        holed = np.where(hole[..., None], np.uint8(255), truth)
        mask = 255 * hole.astype(np.uint8)
        tools.pictures["mask"] = np.repeat(mask[..., None], 3, 2)
        ours = inpaint(Photo(holed), InpaintParams(grow=0), tools).pixels
        telea, stokes = (cv2.inpaint(holed, mask, RADIUS, how) for how in (cv2.INPAINT_TELEA, cv2.INPAINT_NS))
        mean = np.where(hole[..., None], np.rint(truth[~hole].mean(0)).astype(np.uint8), truth)
        outside += int((ours != truth).any(2)[~hole].sum())
        named = {"ours": ours, "telea": telea, "navier_stokes": stokes, "mean": mean}
        row = {name: psnr(picture, truth, hole) for name, picture in named.items()}
        rows.append(row | {"ssim": ssim(ours, truth), "ssim_telea": ssim(telea, truth)})
        if len(sheet) < fixtures.PICTURES_SHOWN:
            sheet.append([holed, telea, ours])
    means = fixtures.mean_of(rows)
    facts: dict[str, Any] = {**means, "photos": len(rows), "sheet": fixtures.write_sheet("inpaint", sheet)}
    gain = means["ours"] - means["telea"]
    return [
        {"name": "inpaint", "value": means["ours"], "baseline": means["telea"], "ratio": gain, "unit": "dB", **facts},
        {"name": "outside", "value": outside, "baseline": 0, "ratio": float(outside), "unit": "px", "at_most": 0},
    ]
