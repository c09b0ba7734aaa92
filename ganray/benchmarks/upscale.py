"""`upscale`: held-out photos that were reduced, damaged and enlarged again: PSNR and SSIM over bicubic, with Lanczos beside them.

Clean, saved as JPEG of quality 80 and 50, noisy, blurred; to twice and four times the size. The last row is the least gain in SSIM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from ganray.benchmarks import edit_fixtures as fixtures
from ganray.benchmarks.worst_sheet import WorstSheet
from ganray.config import BenchmarkConfig
from ganray.edits import Photo
from ganray.edits.blocks import blockiness
from ganray.edits.edit import Tools
from ganray.edits.upscale import UpscaleParams, upscale
from ganray.errors import EditError
from ganray.images.codec import Pixels
from ganray.metrics.paired import psnr, ssim

PHOTOS, FACTORS = 64, (2, 4)
NOISE, BLUR = 6.0, 0.8  # standard deviations, in levels and in pixels of the small picture
WINDOW = 160  # side of what the sheet shows


def saved(image: Image.Image, quality: int) -> Image.Image:
    """The picture after a JPEG of this quality."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def noisy(image: Image.Image) -> Image.Image:
    """The picture with noise of NOISE levels in each channel, always the same."""
    noise = np.random.default_rng(3).normal(0, NOISE, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.rint(np.asarray(image) + noise), 0, 255).astype(np.uint8))


# kind of damage -> what it does to the small picture, and the gain in dB that is expected
KINDS: dict[str, tuple[Callable[[Image.Image], Image.Image], float]] = {
    "clean": (lambda image: image, 0.8),
    "jpeg-80": (lambda image: saved(image, 80), 1.2),
    "jpeg-50": (lambda image: saved(image, 50), 0.0),
    "noise": (noisy, 0.0),
    "blur": (lambda image: image.filter(ImageFilter.GaussianBlur(BLUR)), 0.0),
}


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """A row for each kind of damage and factor: mean gain in dB; then the least gain in SSIM of all of them."""
    tools = fixtures.load_tools(config)
    photos = fixtures.photos(config, config.images or PHOTOS)
    rows, sheet = list[dict[str, Any]](), WorstSheet("upscale")
    for factor in FACTORS:
        for kind, (damage, bar) in KINDS.items():
            results = list(_results(photos, factor, damage, tools))
            means = fixtures.mean_of([figures for figures, _ in results])
            gains = [figures["ours"] - figures["bicubic"] for figures, _ in results]
            for own, (_, windows) in zip(gains, results, strict=True):
                sheet.add(own, windows)
            gain = means["ours"] - means["bicubic"]
            name = "upscale" if (kind, factor) == ("clean", FACTORS[0]) else f"{kind} x{factor}"
            row = {"name": name, "value": means["ours"], "baseline": means["bicubic"], "ratio": gain, "unit": "dB", "at_least": bar}
            rows.append(row | means | {"photos": len(photos), "worst_gain": round(min(gains), 2)})
    worst = min(rows, key=lambda row: row["ssim"] - row["ssim_bicubic"])
    least = {
        "name": "ssim",
        "value": worst["ssim"],
        "baseline": worst["ssim_bicubic"],
        "unit": "SSIM",
        "kind": worst["name"],
        "at_least": 0.0,
    }
    rows.append(least | {"ratio": worst["ssim"] - worst["ssim_bicubic"]})
    rows[0]["sheet"] = sheet.facts()["sheet"]
    return rows


def _results(
    photos: list[Pixels], factor: int, damage: Callable[[Image.Image], Image.Image], tools: Tools
) -> Iterator[tuple[dict[str, float], list[Pixels]]]:
    """Figures of each photo, and the middle of its bicubic enlargement, of ours and of the truth. A refused photo counts as Lanczos."""
    for whole in photos:
        truth = whole[: whole.shape[0] // factor * factor, : whole.shape[1] // factor * factor]
        size = truth.shape[1], truth.shape[0]
        small = damage(Image.fromarray(truth).resize((size[0] // factor, size[1] // factor), Image.Resampling.BICUBIC))
        bicubic, lanczos = (np.asarray(small.resize(size, how)) for how in (Image.Resampling.BICUBIC, Image.Resampling.LANCZOS))
        try:
            ours, refused = upscale(Photo(np.asarray(small)), UpscaleParams(factor=factor), tools).pixels, 0.0
        except EditError:
            ours, refused = lanczos, 1.0
        figures = {"ours": psnr(ours, truth), "bicubic": psnr(bicubic, truth), "lanczos": psnr(lanczos, truth)}
        figures |= {"ssim": ssim(ours, truth), "ssim_bicubic": ssim(bicubic, truth), "refused": refused}
        reduced = (np.asarray(Image.fromarray(ours).resize(small.size, Image.Resampling.BICUBIC)), np.asarray(small))
        figures |= dict(zip(("blocks", "blocks_before"), map(blockiness, reduced), strict=True))
        y, x = max(0, size[1] // 2 - WINDOW // 2), max(0, size[0] // 2 - WINDOW // 2)
        yield figures, [picture[y : y + WINDOW, x : x + WINDOW] for picture in (bicubic, ours, truth)]
