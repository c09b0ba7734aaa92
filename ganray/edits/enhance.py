"""`enhance`: corrects exposure, white balance, contrast, clarity and noise, each as far as measurements show a fault.

A good photo does not change: `auto` does nothing until a measurement (measures.py) is outside the range of sellers' photos. Then, in this
order: the learned network where there is noise (against blur alone the closed form is better: LOG.md), noise (local Wiener filter: Lee
1980, with averaged coefficients as in He, Sun, Tang 2010), the light's colour, one curve for exposure and contrast, clarity (a base and
detail split by box means and the guided filter).
All channels are treated alike except for the light's colour, so grey stays grey. At most the share CLIPPED of the pixels is clipped newly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Option

from ganray.edits.edit import Network, Params, Tools
from ganray.edits.filters import Field, box_mean
from ganray.edits.photo import Photo
from ganray.edits.photo_statistics import cast, levels, luma_of, noise, rising, sharpness
from ganray.edits.tiles import through
from ganray.images.channels import all_of, any_of
from ganray.images.codec import Pixels

CLIPPED = 0.01  # largest share of pixels that may be clipped newly
HIGH, LOW = 226.0, 24.0  # targets for the ends of a photo's luma, without half a percent on each side
STEEPEST, STEEPEST_COLOUR = (
    4.0,
    1.8,
)  # largest slopes of the curve, of grey and of coloured photos: steeper ones show noise and false colours
HALO = 32  # of the learned network's tiles, in pixels
BAND = 1024  # rows that are processed at once
NOISY = 1.6, 2.6  # levels of noise at which denoising starts and is complete
COLOUR_NOISE = 1.9, 0.6, 2.7  # variance of a channel's difference from luma, over luma's, of equal noise in all channels
REACH = 16  # pixels to each side that a result may depend on

Amount = Annotated[
    Literal["auto", "off"] | Annotated[float, Option(ge=0.0, le=1.0)],
    Option(description="auto: as measured; off; or a strength from 0 to 1"),
]


class EnhanceParams(Params):
    """The strength of each correction, and whether the learned network may be used."""

    exposure: Amount = "auto"
    white_balance: Amount = "auto"
    contrast: Amount = "auto"
    clarity: Amount = "auto"
    denoise: Amount = "auto"
    learned: bool = Option(True, description="use the model folder's network, if it has one and the photo is noisy")


@dataclass(frozen=True)
class Corrections:
    """The corrections of a photo: noise to remove in levels, gains [3] of the channels, the curve [256], and strengths of added detail."""

    noise: float
    gains: NDArray[np.float32]
    curve: NDArray[np.float32]
    sharpen: float
    local: float

    @property
    def idle(self) -> bool:
        """Whether it changes nothing."""
        straight = np.array_equal(self.curve, np.arange(256)) and bool((self.gains == 1).all())
        return straight and not (self.noise or self.sharpen or self.local)


def enhance(photo: Photo, params: EnhanceParams, tools: Tools) -> Photo:
    """The corrected photo. Never fails: a photo without faults is returned bit for bit."""
    network = tools.network("enhance") if params.learned else None
    pixels = _learned(photo.pixels, network) if network and rising(noise(photo.pixels), *NOISY) > 0 else photo.pixels
    plan, facts = _corrections(pixels, params)
    if not plan.idle:
        enhanced = np.empty_like(pixels)
        for top in range(0, len(pixels), BAND):
            start = max(0, top - REACH)
            rows = _enhanced(pixels[start : top + BAND + REACH], plan)
            enhanced[top : top + BAND] = rows[top - start :][:BAND]
        pixels = enhanced
    pixels, share = _unclipped(photo.pixels, pixels)
    return photo.having(pixels=pixels, facts={**facts, "newly_clipped": round(share, 5)})


def _learned(pixels: Pixels, network: Network) -> Pixels:
    halo = max(min(HALO, (network.size - 1) // 2), getattr(network, "halo", 0))
    x = through(pixels.astype(np.float32) / 127.5 - 1, network, halo=halo)
    return _levelled((x + 1) * 127.5)


def _corrections(pixels: Pixels, params: EnhanceParams) -> tuple[Corrections, dict[str, float | str]]:
    deviation, edge_sharpness = noise(pixels), sharpness(pixels)
    noisy = rising(deviation, *NOISY)
    colour, certainty = cast(pixels)
    gains = np.exp(-_amount(params.white_balance, certainty) * colour)
    gains = (gains / float(gains @ np.array([0.299, 0.587, 0.114]))).astype(np.float32)
    balanced = pixels if (gains == 1).all() else np.clip(np.rint(pixels * gains), 0, 255).astype(np.uint8)
    curve = _curve(balanced, params)
    sharpen = _amount(params.clarity, rising(edge_sharpness, 0.75, 0.5) * (1 - noisy))
    plan = Corrections(
        noise=deviation * _amount(params.denoise, noisy),
        gains=gains,
        curve=curve,
        sharpen=sharpen,
        local=0.5 * params.clarity if isinstance(params.clarity, float) else 0.0,
    )
    facts: dict[str, float | str] = {
        "noise": round(deviation, 2),
        "sharpness": round(edge_sharpness, 2),
        "balance": " ".join(f"{gain:.3f}" for gain in gains),
        "gain": round(float(curve[192] - curve[64]) / 128, 3),
    }
    return plan, facts


def _curve(pixels: Pixels, params: EnhanceParams) -> NDArray[np.float32]:
    """The new value of each level, float32 [256] in 0..255: first exposure, which keeps black, then contrast, which keeps the light end."""
    measured = levels(pixels)
    curve = np.arange(256, dtype=np.float32)
    underexposed = _amount(params.exposure, rising(measured.high, 203, 180))
    gain = 1 + underexposed * (HIGH / max(1.0, measured.high) - 1) if measured.high < HIGH else 1.0
    gain = min(gain, STEEPEST, 255 / max(1.0, measured.highest))
    if gain > 1:
        curve *= gain
    overexposed = _amount(params.exposure, rising(measured.clipped, 0.03, 0.09)) if measured.mean > 140 else 0.0
    if overexposed:  # the highlights are lost: they stay white, the middle gets darker
        lower = max(0.66, 132 / measured.mean)
        curve *= 1 - overexposed * (1 - lower) * (1 - (curve / 255) ** 4)
    low, high = float(np.interp(measured.low, range(256), curve)), float(np.interp(measured.high, range(256), curve))
    low_contrast = _amount(params.contrast, rising(measured.low, 38, 50) * rising(measured.high - measured.low, 172, 155))
    if low_contrast and low > LOW and high > low + 1:
        slope = 1 + low_contrast * ((high - LOW) / (high - low) - 1)
        floor = float(np.interp(measured.lowest, range(256), curve))
        steepest = STEEPEST / gain if measured.grey else STEEPEST_COLOUR
        slope = min(slope, steepest, high / max(1.0, high - floor))  # the darkest channel reaches 0, and no lower
        curve = high - (high - curve) * slope
    return np.clip(curve, 0, 255).astype(np.float32)


def _enhanced(pixels: Pixels, plan: Corrections) -> Pixels:
    """Rows of the photo with the corrections of `plan`."""
    x = pixels.astype(np.float32)
    if plan.noise:
        x = denoised(x, plan.noise)
    x = np.clip(x * plan.gains, 0, 255)
    x = np.interp(x, np.arange(256), plan.curve).astype(np.float32)
    if plan.sharpen or plan.local:
        x = x + _detail(luma_of(x), plan)[..., None]
    return _levelled(x)


def denoised(x: Field, deviation: float) -> Field:
    """Averages luma where it varies no more than noise does; differences between channels follow luma's edges and are averaged more widely.
    What luma does not explain of them (a red print on green of the same luma) is averaged by itself, where it is no more than noise.

    `deviation` is luma's; each channel of equal, independent noise has 1.5 times as much.
    """
    luma = luma_of(x)
    smooth = _wiener(luma, 1.1 * deviation**2, 2)
    colours = x - luma[..., None]
    mean_c = box_mean(colours, 4)
    mean_l, variance_l = box_mean(luma, 4), box_mean(luma * luma, 4)
    variance_l = np.maximum(variance_l - mean_l**2, 0)
    a = (box_mean(colours * luma[..., None], 4) - mean_c * mean_l[..., None]) / (variance_l + 3 * deviation**2)[..., None]
    slope, offset = box_mean(a, 2), box_mean(mean_c - a * mean_l[..., None], 2)
    clean = smooth[..., None] * (1 + slope) + offset
    unexplained = colours - slope * luma[..., None] - offset
    for channel, share in enumerate(COLOUR_NOISE):
        clean[..., channel] += _wiener(unexplained[..., channel], 1.1 * share * deviation**2, 2)
    return clean


def _wiener(y: Field, noise_variance: float, radius: int) -> Field:
    mean = box_mean(y, radius)
    variance = np.maximum(box_mean(y * y, radius) - mean**2, 0)
    a = np.maximum(variance - noise_variance, 0) / np.maximum(variance, 1e-3)
    b = mean - a * mean
    smooth: Field = box_mean(a, radius) * y + box_mean(b, radius)
    return smooth


def _detail(luma: Field, plan: Corrections) -> Field:
    """The detail to add to every channel: fine detail against blur, and local contrast if the strength of clarity is a number."""
    fine = luma - box_mean(box_mean(luma, 1), 1)
    added = 1.1 * plan.sharpen * fine
    if plan.local:
        mean = box_mean(luma, 6)
        variance = np.maximum(box_mean(luma * luma, 6) - mean**2, 0)
        a = variance / (variance + 12.0**2)
        base = box_mean(a, 6) * luma + box_mean(mean - a * mean, 6)
        added = added + plan.local * (luma - base)
    return np.asarray(np.clip(added, -48, 48), np.float32)


def _unclipped(before: Pixels, after: Pixels) -> tuple[Pixels, float]:
    """The result, blended with the original until at most the share CLIPPED of the pixels is clipped newly; and that share."""
    was_unclipped = all_of((before > 0) & (before < 255))
    for weight in (1.0, 0.8, 0.6, 0.4, 0.2, 0.0):
        mixed = after
        if weight < 1:
            mixed = np.rint(before + weight * (after.astype(np.float32) - before)).astype(np.uint8)
        share = float((was_unclipped & any_of((mixed == 0) | (mixed == 255))).mean())
        if share <= CLIPPED:
            break
    return mixed, share


def _amount(setting: str | float, measured: float) -> float:
    return measured if setting == "auto" else 0.0 if setting == "off" else float(setting)


def _levelled(x: Field) -> Pixels:
    pixels: Pixels = np.clip(np.rint(x), 0, 255).astype(np.uint8)
    return pixels
