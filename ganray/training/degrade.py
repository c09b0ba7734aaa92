"""The degradations that the editor learns to undo, one for each task, drawn image by image from the step's random stream.

A task gives (x, target, weight): the network's input, the answer that it should give, and which pixels count.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ganray.models.editor import EDITORS, diffused, with_quality
from ganray.training.constants import constant
from ganray.training.draws import Draws
from ganray.training.low_resolution import low_resolution

SCALE = 2  # of the upscaler
BLUR, NOISE = 1.6, 0.12  # largest standard deviations: of the blur in pixels, of the noise in units of [-1, 1]


class Pair(NamedTuple):
    """Input [N, C, S, S], target [N, C', S', S'] and weight (broadcast to it)."""

    x: Tensor
    target: Tensor
    weight: Tensor


def matte_pair(real: Tensor, cutouts: Tensor, draws: Draws, size: int = EDITORS["matte"].size) -> Pair:
    """Products on backgrounds from the borders of photos, some of them on the ground of a studio. `real` is [N, 3, R, R] in [-1, 1],
    `cutouts` uint8 [K, 4, S, S], straight alpha.

    Target: the product's alpha [N, 1, size, size].
    """
    num = len(real)
    u = draws.uniform(40, num)
    chosen = cutouts[(u[0] * len(cutouts)).long()].to(real.device).float() / 255
    colour, alpha = chosen[:, :3] * 2 - 1, chosen[:, 3:]
    foreground = torch.cat([_tinted(colour, u[1:5]) * alpha, alpha], 1)
    fill = 0.45 + 0.6 * u[5]
    angle = math.radians(20) * (2 * u[6] - 1) + math.pi / 2 * (u[7] < 0.1)
    mirror = 1 - 2 * (u[8] < 0.5).float()
    foreground = _resampled(foreground, _Affine(1 / fill, angle, 0.5 * (u[9] - 0.5), 0.5 * (u[10] - 0.5), mirror), size, "zeros")
    alpha = foreground[:, 3:].clamp(0, 1)
    background = torch.where((u[32] < 0.25).view(-1, 1, 1, 1), _studio(u[33:37], size), _background(real, u[11:22], size))
    shadow = F.avg_pool2d(F.pad(alpha, (6, 6, 6, 6)), 13, 1)
    shadow = torch.roll(shadow, (4, 3), (2, 3)) * (0.6 * u[22] * (u[23] < 0.7)).view(-1, 1, 1, 1)
    background = (background + 1) * (1 - shadow) - 1
    x = foreground[:, :3] + background * (1 - alpha)
    x = _tinted(x, torch.stack([u[24], u[25], u[26], 0.5 + 0 * u[27]]) * 0.6 + 0.2)
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    x = torch.where((u[27] < 0.3).view(-1, 1, 1, 1), blurred, x)
    x = x + _noise(x, draws, 0.06 * u[28])
    stretch = (u[29] < 0.4).float() * u[30] * 0.4  # like a picture that is not square, which is padded by its border
    horizontal = (u[31] < 0.5).float()
    x_and_alpha = _stretched(torch.cat([x, alpha], 1), 1 + stretch * horizontal, 1 + stretch * (1 - horizontal))
    return Pair(x_and_alpha[:, :3].clamp(-1, 1), x_and_alpha[:, 3:], torch.ones_like(alpha))


def inpaint_pair(real: Tensor, draws: Draws) -> Pair:
    """Photos with holes of boxes, ovals and strokes, filled by diffusion; the pixels of the holes count."""
    num, size = len(real), EDITORS["inpaint"].size
    u = draws.uniform(6, num)
    scale = 0.4 + 0.6 * u[0].sqrt()
    centre = (1 - scale) * (2 * u[1] - 1), (1 - scale) * (2 * u[2] - 1)
    mirror = 1 - 2 * (u[3] < 0.5).float()
    clean = _resampled(_prefiltered(real, size), _Affine(scale, torch.zeros_like(scale), *centre, mirror), size, "border")
    hole = holes(num, size, draws)
    x = torch.cat([diffused(clean, hole), hole], 1)
    return Pair(x, clean, hole)


def upscale_pair(real: Tensor, draws: Draws) -> Pair:
    """Small windows of photos: at half their resolution, most of them degraded as photos in shops are, with the quality of a JPEG; and
    unchanged as the target."""
    return _windows(real, draws, SCALE * 48, lambda clean: with_quality(*low_resolution(clean, SCALE, draws)))


def enhance_pair(real: Tensor, draws: Draws) -> Pair:
    """Small windows of photos with blur and noise; strengths are drawn for each image and are often 0."""
    u = draws.uniform(4, len(real))

    def degrade(clean: Tensor) -> Tensor:
        sigma = BLUR * u[0] * (u[1] < 0.6)
        x = _blurred(clean, sigma)
        return (x + _noise(x, draws, NOISE * u[2] ** 2 * (u[3] < 0.6))).clamp(-1, 1)

    return _windows(real, draws, 64, degrade)


def holes(num: int, size: int, draws: Draws, parts: int = 4) -> Tensor:
    """Float32 [num, 1, size, size]: 1 in the union of up to `parts` boxes, ovals and thick strokes, about a fifth of the picture."""
    u = draws.uniform(8 * parts, num)
    middle = (torch.arange(size, device=u.device) + 0.5) / size
    x, y = middle.view(1, 1, -1), middle.view(1, -1, 1)
    hole = torch.zeros(num, size, size, dtype=torch.bool, device=u.device)
    for part in range(parts):
        kind, used, cx, cy, a, b, angle, length = (row.view(-1, 1, 1) for row in u[8 * part : 8 * part + 8])
        cos, sin = (angle * math.pi).cos(), (angle * math.pi).sin()
        right, down = (x - cx) * cos + (y - cy) * sin, (y - cy) * cos - (x - cx) * sin
        a, b = 0.05 + 0.2 * a, 0.05 + 0.2 * b
        box = ((x - cx).abs() < a) & ((y - cy).abs() < b)
        oval = (right / a) ** 2 + (down / b) ** 2 < 1
        stroke = (right.abs() < 0.1 + 0.35 * length) & (down.abs() < 0.02 + 0.04 * b / 0.25)
        shape = torch.where(kind < 0.4, box, torch.where(kind < 0.7, oval, stroke))
        hole |= shape & ((used < 0.6) | (part == 0))
    return hole[:, None].float()


def _windows(real: Tensor, draws: Draws, size: int, degrade: Callable[[Tensor], Tensor]) -> Pair:
    """One window of `size` pixels of each photo at its own resolution, mirrored and turned at random."""
    recipe = draws.recipe(4, len(real)).host
    windows = []
    for image, (across, down, mirror, transpose) in zip(real, recipe.T.tolist(), strict=True):
        left, top = int(across * (image.shape[2] - size + 1)), int(down * (image.shape[1] - size + 1))
        window = image[:, top : top + size, left : left + size]
        window = window.flip(2) if mirror < 0.5 else window
        windows.append(window.transpose(1, 2) if transpose < 0.5 else window)
    clean = torch.stack(windows)
    return Pair(degrade(clean), clean, torch.ones_like(clean[:, :1]))


def _background(real: Tensor, u: Tensor, size: int) -> Tensor:
    """Backgrounds [N, 3, size, size]: windows at the border of photos, some of them plain colours or blurred."""
    scale = 0.25 + 0.4 * u[0]
    offset = torch.where(u[1] < 0.5, -1.0, 1.0) * (1 - scale) * (1 - 0.3 * u[2])
    position = (2 * u[3] - 1) * (1 - scale)
    vertical = u[4] < 0.5
    dx, dy = torch.where(vertical, position, offset), torch.where(vertical, offset, position)
    mirror = 1 - 2 * (u[5] < 0.5).float()
    background = _resampled(real, _Affine(scale, math.pi / 2 * (u[6] * 4).floor(), dx, dy, mirror), size, "reflection")
    mean_colour = background.mean((2, 3), keepdim=True)
    plain = ((u[7] < 0.25).float() * (0.7 + 0.3 * u[8])).view(-1, 1, 1, 1)
    return _tinted(background + (mean_colour - background) * plain, torch.stack([u[9], u[10], u[8], u[2]]))


def _studio(u: Tensor, size: int) -> Tensor:
    """Grounds [N, 3, size, size] of one colour, most of them nearly white, with light that falls off, so that white stands on white."""
    level = torch.where(u[0] < 0.7, 1 - 0.25 * u[1] ** 2, 2 * u[1] - 1).view(-1, 1, 1, 1)
    warmth = (u[2] - 0.5).view(-1, 1, 1, 1) * constant((0.06, 0.0, -0.06), torch.float32, u.device).view(1, 3, 1, 1)
    middle = torch.linspace(-1, 1, size, device=u.device)
    slope = (0.08 * (u[3] - 0.5)).view(-1, 1, 1, 1) * (middle.view(1, 1, 1, -1) + middle.view(1, 1, -1, 1))
    return (level + warmth + slope).clamp(-1, 1)


class _Affine(NamedTuple):
    """Of each image [N]: a window of `zoom` times the frame around (dx, dy), turned by `angle` (radians), mirrored where `mirror` is -1."""

    zoom: Tensor
    angle: Tensor
    dx: Tensor
    dy: Tensor
    mirror: Tensor


def _resampled(x: Tensor, affine: _Affine, size: int, padding: str) -> Tensor:
    """The windows of x [N, C, H, W] as [N, C, size, size]; `padding` is grid_sample's."""
    cos, sin = affine.angle.cos() * affine.zoom, affine.angle.sin() * affine.zoom
    theta = torch.stack([cos * affine.mirror, -sin, affine.dx, sin * affine.mirror, cos, affine.dy], 1).view(-1, 2, 3)
    grid = F.affine_grid(theta, [len(x), 1, size, size], align_corners=False)
    window: Tensor = F.grid_sample(x, grid, padding_mode=padding, align_corners=False)
    return window


def _stretched(x: Tensor, across: Tensor, down: Tensor) -> Tensor:
    zero = torch.zeros_like(across)
    theta = torch.stack([across, zero, zero, zero, down, zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    stretched: Tensor = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    return stretched


def _prefiltered(real: Tensor, size: int) -> Tensor:
    """Halved until less than three times as large as `size`, so that resampling does not alias."""
    while real.shape[-1] >= 3 * size:
        real = F.avg_pool2d(real, 2)
    return real


def _tinted(x: Tensor, u: Tensor) -> Tensor:
    """Brightness, contrast, saturation and warmth by four uniform rows; 0.5 leaves a picture alone."""
    brightness, contrast, saturation, warmth = (row.view(-1, 1, 1, 1) - 0.5 for row in u)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * torch.exp2(1.5 * saturation)
    x = x * torch.exp2(contrast) + 0.5 * brightness
    tinted: Tensor = x + 0.25 * warmth * constant((1.0, 0.0, -1.0), torch.float32, x.device).view(1, 3, 1, 1)
    return tinted


def _noise(x: Tensor, draws: Draws, strength: Tensor) -> Tensor:
    return draws.normal(len(x), x[0].numel()).view_as(x) * strength.view(-1, 1, 1, 1)


def _blurred(x: Tensor, sigma: Tensor) -> Tensor:
    """Each image of x blurred by a Gaussian of its own `sigma` [N] in pixels, up to BLUR."""
    reach = torch.arange(-5, 6, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-0.5 * (reach / sigma.clamp_min(1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(x.shape[1], 0)
    flat = F.pad(x.reshape(1, -1, *x.shape[2:]), (5, 5, 5, 5), mode="replicate")
    flat = F.conv2d(flat, kernel[:, None, None, :], groups=len(kernel))
    blurred: Tensor = F.conv2d(flat, kernel[:, None, :, None], groups=len(kernel)).view_as(x)
    return blurred
