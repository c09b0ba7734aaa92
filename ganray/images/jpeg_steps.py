"""The quantisation steps of JPEG (ITU-T T.81, annex K) at a quality of IJG's scale, and its cosine transform."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

BLOCK = 8
FINEST = 94  # quality up to which a picture shows that it was saved as a JPEG; at higher ones there is nothing to smooth, either
Values = NDArray[np.float32]

LUMA = (
    16,
    11,
    10,
    16,
    24,
    40,
    51,
    61,
    12,
    12,
    14,
    19,
    26,
    58,
    60,
    55,
    14,
    13,
    16,
    24,
    40,
    57,
    69,
    56,
    14,
    17,
    22,
    29,
    51,
    87,
    80,
    62,
    18,
    22,
    37,
    56,
    68,
    109,
    103,
    77,
    24,
    35,
    55,
    64,
    81,
    104,
    113,
    92,
    49,
    64,
    78,
    87,
    103,
    121,
    120,
    101,
    72,
    92,
    95,
    98,
    112,
    100,
    103,
    99,
)
CHROMA = (
    17,
    18,
    24,
    47,
    99,
    99,
    99,
    99,
    18,
    21,
    26,
    66,
    99,
    99,
    99,
    99,
    24,
    26,
    56,
    99,
    99,
    99,
    99,
    99,
    47,
    66,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
    99,
)


def steps(table: tuple[int, ...], quality: float) -> Values:
    """LUMA or CHROMA at a quality of 1 to 100, as libjpeg scales them: float32 [BLOCK, BLOCK]."""
    quality = min(max(round(quality), 1), 100)
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((np.array(table, np.float32) * percent + 50) // 100, 1, 255).reshape(BLOCK, BLOCK)


def cosines() -> Values:
    """The orthonormal DCT-II of BLOCK values: float32 [BLOCK, BLOCK]."""
    k, x = np.arange(BLOCK)[:, None], np.arange(BLOCK)[None, :]
    basis = np.cos(np.pi * (2 * x + 1) * k / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    basis[0] /= math.sqrt(2)
    return basis.astype(np.float32)
