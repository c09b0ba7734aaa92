"""What saving as a JPEG does to pictures (ITU-T T.81), in torch: each picture of a batch at its own quality, on any device, without files.

Tables are those of T.81's annex K, scaled by quality as libjpeg scales them; halved chroma is averaged, and enlarged as libjpeg does.
Entropy coding loses nothing and is left out. Differences to Pillow's result are roundings (tests/training/test_jpeg.py).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganray.images.jpeg_steps import BLOCK, CHROMA, LUMA, cosines, steps
from ganray.training.constants import constant

TO_YCC = ((0.299, 0.587, 0.114), (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411))


def jpeg(x: Tensor, quality: Tensor, halved: Tensor) -> Tensor:
    """Float32 [N, 3, H, W] in [-1, 1] -> the same after a JPEG of `quality` [N] (1 to 100); chroma at half resolution where `halved` [N].

    H and W are multiples of 16. Raises ValueError otherwise.
    """
    if x.shape[2] % (2 * BLOCK) or x.shape[3] % (2 * BLOCK):
        raise ValueError(f"pictures of {x.shape[3]}x{x.shape[2]} px are no multiples of {2 * BLOCK}")
    to_ycc = constant(sum(TO_YCC, ()), torch.float32, x.device).view(3, 3).to(x.dtype)
    levels = ((x * 127.5 + 127.5).round()).clamp(0, 255)
    ycc = torch.einsum("yc,nchw->nyhw", to_ycc, levels)
    ycc[:, 0] -= 128
    luma_steps, chroma_steps = (_steps(table, quality) for table in (LUMA, CHROMA))
    luma, chroma = _quantised(ycc[:, :1].round(), luma_steps), ycc[:, 1:].round()
    whole = _quantised(chroma, chroma_steps)
    half = _quantised(F.avg_pool2d(ycc[:, 1:], 2).round(), chroma_steps)
    wide = F.interpolate(half, scale_factor=2, mode="bilinear", align_corners=False).round()
    chroma = torch.where(halved.view(-1, 1, 1, 1), wide, whole)
    to_rgb = constant(_inverse(), torch.float32, x.device).view(3, 3).to(x.dtype)
    back = torch.einsum("cy,nyhw->nchw", to_rgb, torch.cat([luma + 128, chroma], 1))
    result: Tensor = back.round().clamp(0, 255) / 127.5 - 1
    return result


@cache
def _inverse() -> tuple[float, ...]:
    return tuple(np.linalg.inv(np.array(TO_YCC)).flatten().tolist())


@cache
def _table(table: tuple[int, ...]) -> tuple[float, ...]:
    """The steps at all qualities, 1 to 100."""
    return tuple(np.stack([steps(table, quality) for quality in range(1, 101)]).flatten().tolist())


def _steps(table: tuple[int, ...], quality: Tensor) -> Tensor:
    """Quantisation steps [N, 1, 1, BLOCK, 1, BLOCK] at each quality."""
    rows = constant(_table(table), torch.float32, quality.device).view(100, -1)
    return rows[quality.round().clamp(1, 100).long() - 1].view(-1, 1, 1, BLOCK, 1, BLOCK)


def _quantised(plane: Tensor, steps: Tensor) -> Tensor:
    """Planes [N, C, H, W] around 0, each block's cosine transform rounded to multiples of `steps`."""
    basis = constant(tuple(cosines().flatten().tolist()), torch.float32, plane.device).view(BLOCK, BLOCK).to(plane.dtype)
    num, channels, height, width = plane.shape
    blocks = plane.view(num, channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    coefficients = torch.einsum("ui,vj,ncyixj->ncyuxv", basis, basis, blocks)
    kept = (coefficients / steps).round() * steps
    back = torch.einsum("ui,vj,ncyuxv->ncyixj", basis, basis, kept)
    result: Tensor = back.reshape(num, channels, height, width).round().clamp(-128, 127)
    return result
