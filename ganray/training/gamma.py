"""The default weight of the gradient penalties, from the size and the number of the images.

A discriminator that separates two images at distance delta (the norm over all pixels) has a slope of about 1 / delta between them. The
penalty is the square of the slope, and delta^2 grows with the number of pixels, so gamma is proportional to it. NVIDIA's rules agree
(times 4 at twice the side: StyleGAN3's docs/configs.md; 0.0002 side^2 / batch: StyleGAN2-ADA's train.py).

The penalty acts like Gaussian noise of variance gamma on D's input (Roth et al. 2017, arXiv 1705.09367, section 3). Few images lie far
apart, and noise that fills the gaps must be wider: the squared distance to the nearest of N images on a surface of dimension d is
proportional to N^(-2 / d). With d = 8 that is twice for a sixteenth of the images; the factor is limited to between 1/4 and 4.

The scale is that of R3GAN's presets at 64 px (arXiv 2501.05441: 1 and 2 at the start, a tenth of it at the end). The presets follow no
rule: they differ by a factor of 75 between two resolutions of one data set. `loss.gamma` overrides; try a factor of 4 in both directions.
"""

from __future__ import annotations

from ganray.config import LossConfig

SIDE, NUM = 64, 10_000  # where gamma is 1
EXPONENT, MOST = 0.25, 4.0  # the largest factor for few images, and 1 / the smallest for many
FINAL = 0.1  # of the first gamma


def auto_gamma(resolution: int, num_images: int = NUM) -> float:
    """Weight of R1 and R2 at the start of a run on `num_images` square images of `resolution` px; three digits."""
    factor = (NUM / max(num_images, 1)) ** EXPONENT
    return float(f"{(resolution / SIDE) ** 2 * min(max(factor, 1 / MOST), MOST):.3g}")


def gammas(loss: LossConfig, resolution: int, num_images: int = NUM) -> tuple[float, float]:
    """(first, final): from the config, else `auto_gamma` and a tenth of the first."""
    first = auto_gamma(resolution, num_images) if loss.gamma is None else loss.gamma
    return first, float(f"{FINAL * first:.3g}") if loss.gamma_final is None else loss.gamma_final


def resolve_gamma(loss: LossConfig, resolution: int, num_images: int) -> LossConfig:
    """The loss of a run on a catalog of `num_images` images, with both gammas filled in."""
    first, final = gammas(loss, resolution, num_images)
    return loss.model_copy(update={"gamma": first, "gamma_final": final})
