"""`upscale`: PSNR of held-out photos that were halved and enlarged again, over bicubic, with Lanczos beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from ganray.benchmarks import edit_fixtures as fixtures
from ganray.config import BenchmarkConfig
from ganray.edits import Photo
from ganray.edits.upscale import UpscaleParams, upscale
from ganray.images.codec import Pixels
from ganray.metrics.paired import psnr, ssim

PHOTOS, FACTOR = 64, 2


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """One row: mean gain in dB."""
    tools = fixtures.load_tools(config)
    rows: list[dict[str, float]] = []
    sheet: list[list[Pixels]] = []
    for whole in fixtures.photos(config, config.images or PHOTOS):
        truth = whole[: whole.shape[0] // FACTOR * FACTOR, : whole.shape[1] // FACTOR * FACTOR]
        size = truth.shape[1], truth.shape[0]
        small = Image.fromarray(truth).resize((size[0] // FACTOR, size[1] // FACTOR), Image.Resampling.BICUBIC)
        ours = upscale(Photo(np.asarray(small)), UpscaleParams(factor=FACTOR), tools).pixels
        bicubic, lanczos = (np.asarray(small.resize(size, how)) for how in (Image.Resampling.BICUBIC, Image.Resampling.LANCZOS))
        rows.append(
            {
                "ours": psnr(ours, truth),
                "bicubic": psnr(bicubic, truth),
                "lanczos": psnr(lanczos, truth),
                "ssim": ssim(ours, truth),
                "ssim_bicubic": ssim(bicubic, truth),
            }
        )
        if len(sheet) < fixtures.PICTURES_SHOWN:
            y, x = truth.shape[0] // 2 - 80, truth.shape[1] // 2 - 80
            sheet.append([bicubic[y : y + 160, x : x + 160], ours[y : y + 160, x : x + 160]])
    means = fixtures.mean_of(rows)
    gain = means["ours"] - means["bicubic"]
    facts: dict[str, Any] = {**means, "photos": len(rows), "sheet": fixtures.write_sheet("upscale", sheet)}
    return [{"name": "upscale", "value": means["ours"], "baseline": means["bicubic"], "ratio": gain, "unit": "dB", **facts}]
