"""Small pictures as shops have them, of sharp ones: reduced by several filters, blurred, noisy, saved as JPEG once or twice.

A two-stage random degradation in the spirit of Real-ESRGAN (Wang et al. 2021, arXiv 2107.10833, section 3.2), milder: the pictures are
catalog photos, not finds on the net. A share of pictures is only reduced, and a share only reduced and saved, because these are the
commonest inputs. Each picture draws its own recipe from its own random numbers, so that a batch may be divided among workers.
The quality at which it was saved is returned, too: edits can read it off most JPEGs (edits/blocks.py).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ganray.images.jpeg_steps import BLOCK, FINEST
from ganray.models.editor import LEARNED
from ganray.training.draws import Draws, Recipe
from ganray.training.jpeg import jpeg

CLEAN, SAVED = 0.2, 0.5  # shares of pictures: reduced alone; reduced and saved as a JPEG; the others have everything
SIGMA = 2.2  # of the largest blur before reducing, in pixels of the sharp picture
SIGMA_AFTER = 0.8  # of the second stage's, in pixels of the small picture
NOISE = 0.09  # largest standard deviation, in units of [-1, 1]: 11 levels
REACH = 5  # of the blur, in pixels
UNTOLD = 0.1  # share of the JPEGs whose quality is not told, as of those that were cropped


class Degraded(NamedTuple):
    """Pictures [N, 3, S, S] in [-1, 1], and the quality [N] (1 to 100) at which each was last saved as a JPEG; 100 where it is not told."""

    pictures: Tensor
    quality: Tensor


def low_resolution(clean: Tensor, scale: int, draws: Draws) -> Degraded:
    """Float32 [N, 3, S, S] in [-1, 1] -> the degraded pictures [N, 3, S / scale, S / scale]; S / scale is a multiple of 16."""
    recipe = draws.recipe(30, len(clean))
    u, reductions = recipe.device, recipe.host[5:8] * (recipe.host[0] >= CLEAN + SAVED)
    everything = u[0] >= CLEAN + SAVED
    side = clean.shape[-1] // scale
    noise = draws.normal(len(clean), 2 * 3 * side * side).view(-1, 2, 3, side, side)
    sigma = SIGMA * u[1] * ((u[4] < 0.6) & everything)
    blurred = _blur(clean, sigma * (1 - 0.5 * u[2]), sigma * (1 - 0.5 * u[3]))
    x = torch.stack([_reduced(image, side, row) for image, row in zip(blurred, reductions.T.tolist(), strict=True)])
    x = x + _grain(noise[:, 0], x, u[8:10]) * (NOISE * u[10] ** 2 * (u[11] < 0.5) * everything).view(-1, 1, 1, 1)
    first = Degraded(x.clamp(-1, 1), torch.full_like(u[0], 100))
    x, quality = _saved(first, recipe.rows(12, 16), (u[0] >= CLEAN) & ((u[16] < 0.75) | ~everything))
    again = everything & (u[17] < 0.35)
    soft = SIGMA_AFTER * u[18] * again
    x = _blur(x, soft, soft)
    x = x + _grain(noise[:, 1], x, u[19:21]) * (0.5 * NOISE * u[21] ** 2 * again).view(-1, 1, 1, 1)
    x, quality = _saved(Degraded(x.clamp(-1, 1), quality), recipe.rows(22, 26), again)
    return Degraded(x, torch.where((u[27] < UNTOLD) | (quality > FINEST), 100, quality))


def _reduced(image: Tensor, side: int, u: list[float]) -> Tensor:
    """[3, S, S] -> [3, side, side] by a filter chosen by the first of `u`; some by way of a smaller picture, as enlarged photos are."""
    kind, detour, size = u
    x = image[None]
    if detour > 0.85:
        between = max(8, round(side * (0.6 + 0.4 * size)))
        x = F.interpolate(x, size=(between, between), mode="bilinear", antialias=True)
        return F.interpolate(x, size=(side, side), mode="bicubic").squeeze(0)
    if kind < 0.55:
        return F.interpolate(x, size=(side, side), mode="bicubic", antialias=True).squeeze(0)
    if kind < 0.75:
        return F.adaptive_avg_pool2d(x, side).squeeze(0)
    return F.interpolate(x, size=(side, side), mode="bilinear", antialias=kind < 0.9).squeeze(0)


def _saved(before: Degraded, recipe: Recipe, wanted: Tensor) -> Degraded:
    """The pictures after a JPEG where `wanted` [N]. Qualities are LEARNED; the grid of blocks begins anywhere."""
    x, u = before.pictures, recipe.device
    worst, best = LEARNED
    quality = (best - (best - worst) * u[0] ** 1.6).round()
    side = x.shape[-1]
    margin = 2 * BLOCK  # of whole blocks of halved chroma: what meets at the ends of a rolled picture does not reach into it
    wide = F.pad(x, (margin,) * 4, mode="reflect")
    moves = [(int(down * margin), int(across * margin)) for down, across in recipe.host[1:3].T.tolist()]
    moved = torch.stack([torch.roll(image, move, (1, 2)) for image, move in zip(wide, moves, strict=True)])
    saved = jpeg(moved, quality, u[3] < 0.7)
    back = torch.stack([torch.roll(image, (-down, -across), (1, 2)) for image, (down, across) in zip(saved, moves, strict=True)])
    pictures = torch.where(wanted.view(-1, 1, 1, 1), back[:, :, margin : margin + side, margin : margin + side], x)
    return Degraded(pictures, torch.where(wanted, quality, before.quality))


def _grain(noise: Tensor, x: Tensor, u: Tensor) -> Tensor:
    """Unit noise [N, 3, S, S] as cameras have it: the same in all channels or in each its own, some of it stronger where it is bright."""
    grey = noise[:, :1].expand_as(noise)
    noise = torch.where((u[0] < 0.4).view(-1, 1, 1, 1), grey, noise)
    bright = (0.5 + 0.5 * x.clamp(-1, 1)).clamp_min(0.02).sqrt()
    return torch.where((u[1] < 0.4).view(-1, 1, 1, 1), noise * bright, noise)


def _blur(x: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Each picture of x blurred by a Gaussian of its own standard deviations [N] in pixels."""
    reach = torch.arange(-REACH, REACH + 1, device=x.device, dtype=x.dtype)
    flat = F.pad(x.reshape(1, -1, *x.shape[2:]), (REACH,) * 4, mode="replicate")
    for sigma, shape in ((across, (1, 1, 2 * REACH + 1)), (down, (1, 2 * REACH + 1, 1))):
        kernel = torch.exp(-0.5 * (reach / sigma.clamp_min(1e-3)[:, None]) ** 2)
        kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(x.shape[1], 0)
        flat = F.conv2d(flat, kernel.view(-1, *shape), groups=len(kernel))
    blurred: Tensor = flat.view_as(x)
    return blurred
