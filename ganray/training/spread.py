"""Whether G still draws more than one picture a label, and a push where it does not (diversity-sensitive GANs, arXiv 1901.09024).

A conditional G easily learns to ignore z: every sample of a label becomes one picture. D does not mend that, since it sees one image at a
time, and equal images have equal gradients, which keep them equal. So pairs of one label within the batch are compared: samples are
to lie as far apart as photos do, in mean absolute difference of pixels. The paper's bound is a constant; here the photos give it.

The ratio is a running one. That of a single batch is noise where a label seldom comes twice (many attributes), and a loss on it would
push even where nothing is wrong: on the sample catalog, Frechet distance 5.3 became 7.7. With the running one nothing changes there,
and on fashion-mnist it halves (tests/benchmarks/LOG.md). Pairs are those of one worker and micro-batch: with others, other pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

MEMORY = 500  # images: half-life of the running sums


def pair_sums(real: Tensor, fake: Tensor, label: Tensor) -> Tensor:
    """Of all pairs of one label [N, A] in images [N, C, H, W]: distance of photos, distance of samples, number. Float32 [3], an image."""
    pairs = (label[:, None] == label[None]).all(2).triu(1)
    apart = [torch.where(pairs, _distances(x), 0.0).sum() for x in (real, fake)]
    return torch.stack([*apart, pairs.sum().float()]) / len(label)


@dataclass
class Spread:
    """Running means of `pair_sums`: float32 [3] on the device, never read by the host."""

    sums: Tensor

    @classmethod
    def start(cls, device: torch.device | str) -> Spread:
        """Nothing seen yet."""
        return cls(torch.zeros(3, device=device))

    @property
    def ratio(self) -> Tensor:
        """How far apart samples of a label lie, over how far apart photos of it do: near 0, G ignores z. 1 before a pair was seen."""
        photos, samples, _ = self.sums
        return torch.where(photos > 0, samples / photos.clamp_min(1e-9), 1.0)

    def loss(self, seen: Tensor) -> Tensor:
        """What G adds for a batch's `pair_sums`: minus the samples' distance, in units of the photos', while the ratio is below 1.

        Where labels seldom come twice, the few pairs weigh as those of a batch would of which every other image has a partner.
        """
        photos, _, pairs = self.sums
        unit = photos / pairs.clamp_min(1e-9) * seen[2].clamp_min(0.5)
        return torch.where(self.ratio < 1, -seen[1] / unit.clamp_min(1e-9), 0.0)

    def update(self, seen: Tensor, num: int) -> None:
        """Take in a step of `num` images: `pair_sums`, averaged over workers."""
        self.sums.lerp_(seen, 1 - 0.5 ** (num / MEMORY))


def _distances(x: Tensor) -> Tensor:
    """Mean absolute differences [N, N] of the pixels of x [N, C, H, W]."""
    pixels = x.flatten(1).float()
    return torch.cdist(pixels, pixels, p=1) / pixels.shape[1]
