"""`enhance`: PSNR of held-out photos that were damaged in known ways and mended, over the damaged ones; with and without the network."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from ganray.benchmarks import edit_fixtures as fixtures
from ganray.benchmarks.worst_sheet import WorstSheet
from ganray.config import BenchmarkConfig
from ganray.edits import Photo
from ganray.edits.enhance import EnhanceParams, enhance
from ganray.images.codec import Pixels
from ganray.metrics.paired import psnr

PHOTOS, EDGE, SEED = 48, 800, 3  # number of photos, their longest side in pixels, seed of the noise
MOST_CLIPPED = 0.01
ONLY_NOISE = EnhanceParams(exposure="off", white_balance="off", contrast="off", clarity="off")


def _scaled(gains: float | tuple[float, float, float]) -> Callable[[Pixels], Pixels]:
    return lambda pixels: _levels(pixels * np.asarray(gains))


def _flattened(share: float) -> Callable[[Pixels], Pixels]:
    return lambda pixels: _levels(128 + share * (pixels - 128.0))


def _grey(pixels: Pixels) -> Pixels:
    return np.repeat(_levels(pixels @ np.array([0.299, 0.587, 0.114]))[..., None], 3, 2)


def _noisy(pixels: Pixels) -> Pixels:
    return _levels(pixels + np.random.default_rng(SEED).normal(0, 10, pixels.shape))


def _blurred(pixels: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(1.0)))


DAMAGES: dict[str, Callable[[Pixels], Pixels]] = {
    "dark": _scaled(0.6),
    "bright": _scaled(1.5),
    "warm": _scaled((1.15, 1.0, 0.8)),
    "cold": _scaled((0.8, 1.0, 1.15)),
    "pale": _flattened(0.6),
    "noise": _noisy,
    "blur": _blurred,
    "grey": lambda pixels: _flattened(0.35)(_grey(pixels)),  # like an X-ray picture
}


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """The least of the damages' median gains in dB (all are among the facts); the least gain of a noisy photo without a network, which
    a median does not show; and the most pixels that were newly clipped."""
    tools, alone = fixtures.load_tools(config), fixtures.BenchmarkTools({})
    gains: dict[str, list[tuple[float, float]]] = {name: [] for name in DAMAGES}
    sheet = WorstSheet("enhance")
    clipped, worst = 0.0, math.inf
    photos = fixtures.photos(config, config.images or PHOTOS)
    for pixels in photos:
        whole = _smaller(pixels)
        for name, damage in DAMAGES.items():
            damaged, truth = damage(whole), _grey(whole) if name == "grey" else whole
            if np.array_equal(damaged, truth):
                continue  # nothing to mend, as in a picture of one grey
            before = psnr(damaged, truth)
            both = [enhance(Photo(damaged), EnhanceParams(), each) for each in (tools, alone)]
            if name == "noise":
                worst = min(worst, psnr(enhance(Photo(damaged), ONLY_NOISE, alone).pixels, truth) - before)
            gains[name].append((psnr(both[0].pixels, truth) - before, psnr(both[1].pixels, truth) - before))
            clipped = max(clipped, float(both[0].facts["newly_clipped"]))
            sheet.add(gains[name][-1][0], [damaged, both[0].pixels, truth])
    medians = {name: np.median(pairs, 0).tolist() for name, pairs in gains.items() if pairs}
    facts: dict[str, Any] = {name: f"{with_it:+.2f} ({without:+.2f})" for name, (with_it, without) in medians.items()}
    least, plain = (min(median[side] for median in medians.values()) for side in (0, 1))
    facts |= {f"{name}, worst": round(min(pair[0] for pair in pairs), 2) for name, pairs in gains.items() if pairs}
    facts |= {"photos": len(photos), **sheet.facts()}
    return [
        {"name": "enhance", "value": least, "baseline": plain, "ratio": least, "unit": "dB", **facts},
        {"name": "worst of noise", "value": worst, "baseline": 0, "ratio": worst, "unit": "dB", "at_least": 0.0},
        {"name": "clipped", "value": clipped, "baseline": 0, "ratio": clipped, "unit": "of pixels", "at_most": MOST_CLIPPED},
    ]


def _smaller(pixels: Pixels) -> Pixels:
    image = Image.fromarray(pixels)
    image.thumbnail((EDGE, EDGE), Image.Resampling.BOX)
    return np.asarray(image)


def _levels(x: Any) -> Pixels:
    levels: Pixels = np.clip(np.rint(x), 0, 255).astype(np.uint8)
    return levels
