"""How much the gradient penalties weigh where nobody says: from the size of the images, and from how many there are.

A discriminator that tells two images apart, delta from each other in the norm over all pixels, has a slope of about 1 / delta between
them. The penalty counts the square of it, and delta^2 grows with the number of pixels: so gamma is in proportion to them. It is NVIDIA's
rule as well (times 4 at twice the side: StyleGAN3's docs/configs.md; 0.0002 side^2 / batch: StyleGAN2-ADA's train.py).

Penalised as much as by gamma, D sees each image as a cloud of that variance (Roth et al. 2017, arXiv 1705.09367, section 3). Where images
are few they lie far apart, and a cloud that fills the gaps must be wider: the squared distance to the nearest of N images on a surface
of dimension d goes as N^(-2 / d). With d = 8 that is twice for a sixteenth of the images, and never more than 4 times here or there.

The scale is that of R3GAN's presets at 64 px (arXiv 2501.05441: 1 and 2 at first, a tenth of it in the end). They themselves follow no
rule: 75 times between two resolutions of one data set. `loss.gamma` overrules, and a factor of 4 to either side is worth a try.
"""

from __future__ import annotations

from ganray.config import LossConfig, TrainConfig

SIDE, NUM = 64, 10_000  # where gamma is 1
EXPONENT, MOST = 0.25, 4.0
FINAL = 0.1


def auto_gamma(resolution: int, num_images: int = NUM) -> float:
    """Weight of R1 and R2 at the start of a run on `num_images` square images of `resolution` px; three digits."""
    few = (NUM / max(num_images, 1)) ** EXPONENT
    return float(f"{(resolution / SIDE) ** 2 * min(max(few, 1 / MOST), MOST):.3g}")


def gammas(loss: LossConfig, resolution: int, num_images: int = NUM) -> tuple[float, float]:
    """(first, final) as given, else as the images suggest; a final one that is not given is a tenth of the first."""
    first = auto_gamma(resolution, num_images) if loss.gamma is None else loss.gamma
    return first, float(f"{FINAL * first:.3g}") if loss.gamma_final is None else loss.gamma_final


def with_gamma(config: TrainConfig, num_images: int) -> TrainConfig:
    """The config of a run on a catalog of `num_images`, with its weights of the penalties written out."""
    first, final = gammas(config.loss, config.model.resolution, num_images)
    return config.model_copy(update={"loss": config.loss.model_copy(update={"gamma": first, "gamma_final": final})})
