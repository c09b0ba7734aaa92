"""Over-compression: by the quantization tables of a JPEG, and by the steps between blocks of 8 pixels that an earlier JPEG left."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ganray.images.codec import Pixels
from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY, Evidence, strongest
from ganray.profiles.foreground import Floats

BLOCK = 8
STANDARD = 57.625  # mean of the luma table of ITU-T T.81, annex K, which libjpeg takes for quality 50
POOR, VERY_POOR = 45, 25  # qualities of libjpeg
BLOCKS, MANY_BLOCKS = 1.6, 2.2  # how many times the steps between blocks are as large as those within
COARSE, VERY_COARSE = 14.0, 21.0  # levels between the coefficients: of qualities 40 and 25
ZERO, SIZES, WHITE = 6.0, 40, 253.0  # levels of a coefficient that was quantized to zero; coefficients needed; levels that may be clipped
ONCE, TWICE, ALONE = 1.3, 1.75, 0.8  # multiples of a step, between which hardly a coefficient lies: edges of flat drawings have all sizes
FLAT = 1.5  # levels: smaller steps are of flat areas, where nothing can be seen of blocks
CROP = 1536  # pixels of each side, in the middle, in which blocks are sought
STEPS, LEAST = 2000, 24  # steps needed for a figure, and for a block of columns to count


def compression(pixels: Pixels, tables: Sequence[Sequence[int]]) -> Evidence:
    """Whether uint8 [H, W, 3] is damaged by compression; `tables` are the quantization tables of its file, none if it is no JPEG."""
    return strongest(by_tables(tables), by_blocks(pixels)) if tables else by_blocks(pixels)


def by_tables(tables: Sequence[Sequence[int]]) -> Evidence:
    """By the quality of libjpeg that the first table has in the mean."""
    scale = 100 * float(np.mean(tables[0])) / STANDARD
    quality = round(5000 / scale if scale > 100 else (200 - scale) / 2)
    strength = CERTAIN if quality <= VERY_POOR else LIKELY if quality <= POOR else CLEAR
    return Evidence(strength, f"JPEG of quality {max(1, quality)}")


def by_blocks(pixels: Pixels) -> Evidence:
    """By the luma's steps across the edges of blocks, beside those within, and by the steps of its coefficients."""
    height, width = pixels.shape[:2]
    top, left = ((max(0, side - CROP) // 2 // BLOCK) * BLOCK for side in (height, width))
    luma = pixels[top : top + CROP, left : left + CROP].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    step = coefficient_step(luma)
    ratios = [ratio for lines in (luma, luma.T) if (ratio := blockiness(lines)) is not None]
    ratio = min(ratios, default=1.0)
    strength = CERTAIN if ratio >= MANY_BLOCKS or step >= VERY_COARSE else LIKELY if ratio >= BLOCKS or step >= COARSE else CLEAR
    return Evidence(
        strength, f"blocks of 8 pixels: steps between them are {ratio:.1f} times those within, and {step:.0f} levels of coefficients"
    )


def coefficient_step(luma: Floats) -> float:
    """The least size of the low coefficients (discrete cosine transform of blocks [8, 8]) of luma [h, w] that are not zero, in levels.

    A JPEG left multiples of its quantization steps, so that few are smaller than one; in a picture that was never one there are all sizes.
    """
    rows, columns = (side // BLOCK for side in luma.shape)
    blocks = luma[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2).reshape(-1, BLOCK, BLOCK)
    blocks = blocks[(blocks.max((1, 2)) < WHITE) & (np.ptp(blocks, axis=(1, 2)) > FLAT)]  # clipped ones have other coefficients
    angle = np.pi * (np.arange(BLOCK) + 0.5) / BLOCK
    basis = np.stack([np.full(BLOCK, np.sqrt(1 / BLOCK)), *(0.5 * np.cos(order * angle) for order in (1, 2))]).astype(np.float32)
    low = np.abs(basis @ blocks @ basis.T)  # [n, 3, 3]
    steps = []
    for row, column in ((0, 1), (0, 2), (1, 0), (2, 0), (1, 1)):
        sizes = low[:, row, column]
        sizes = sizes[sizes > ZERO]
        step = float(np.percentile(sizes, 10)) if len(sizes) >= SIZES else 0.0
        alone = (sizes < ONCE * step).sum() >= ALONE * (sizes < TWICE * step).sum()
        steps.append(step if alone else 0.0)
    return float(np.median(steps))


def blockiness(lines: Floats) -> float | None:
    """How many times the steps of luma [h, w] from one block of columns to the next are as large as those within, in the median over the
    blocks, for the place of the grid where that is most; None where nothing moves. A line that lies on the grid is one block of many."""
    step = np.abs(np.diff(lines, axis=1))
    usable = (step.shape[1] - BLOCK) // BLOCK
    if usable < 4:
        return None
    phases = np.stack([step[:, phase : phase + usable * BLOCK : BLOCK] for phase in range(BLOCK)])  # [8, h, blocks]
    seen = phases.mean(0) > FLAT
    counts = seen.sum(0)
    if counts.sum() < STEPS:
        return None
    moving = counts >= min(LEAST, counts.max())
    columns = (phases * seen).sum(1)[:, moving] / counts[moving]  # [8, moving blocks]
    ratios = []
    for phase in range(BLOCK):
        within = columns[[(phase + shift) % BLOCK for shift in (2, 3, 4, 5, 6)]].mean(0)
        ratios.append(float(np.median(columns[phase] / np.maximum(within, 0.1))))
    return max(ratios)
