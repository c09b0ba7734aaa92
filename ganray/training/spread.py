"""The diversity of samples of one label, and a loss term where it is too low (diversity-sensitive GANs, arXiv 1901.09024).

A conditional G easily learns to ignore z: all samples of a label become the same image. D does not correct that, since it sees one image
at a time, and equal images have equal gradients. So pairs of one label within the batch are compared: samples should lie as far apart as
photos do. The paper's bound is a constant; here it comes from the photos.

Apart are patterns: coarse pictures without their mean colour, at one contrast. By pixels, G drew one garment in dark and in light, which is
as far apart as photos are (fashion-mnist, 2 CPU-minutes: coverage .53 by pixels, .65 by patterns; tests/benchmarks/LOG.md).

The ratio is a running average. For a single batch it is noisy where a label is rarely repeated (many attributes), and a loss on it would
act without a reason: on the sample catalog, the Frechet distance rose from 5.3 to 7.7. With the running ratio it does not change there,
and it halves on fashion-mnist (tests/benchmarks/LOG.md). Pairs are formed within a worker and micro-batch, so they depend on both.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

MEMORY = 500  # images: half-life of the running sums
SIDE = 16  # px to which pictures are reduced. On a GPU the backward pass makes pixels x N x N floats twice
FLAT = 0.1  # standard deviation, in [-1, 1], of a picture that has hardly a pattern: it is not enlarged to one


def pair_sums(real: Tensor, fake: Tensor, label: Tensor) -> Tensor:
    """Over pairs of equal label [N, A] in images [N, C, H, W]: distances of photos and of samples, their number, each over N; float32 [3].

    A distance is the mean absolute difference of two patterns.
    """
    pairs = (label[:, None] == label[None]).all(2).triu(1)
    seen, drawn = patterns(real).flatten(1), patterns(fake).flatten(1)
    apart = torch.stack([torch.cdist(x, x, p=1) for x in (seen, drawn)]) * pairs
    sums = apart.sum((1, 2)) / (seen.shape[1] * len(label))
    return torch.cat([sums, pairs.sum()[None] / len(label)])


@dataclass
class Spread:
    """Running means of `pair_sums`: float32 [3] on the device, never read by the host."""

    sums: Tensor

    @classmethod
    def start(cls, device: torch.device | str) -> Spread:
        """Before the first step."""
        return cls(torch.zeros(3, device=device))

    @property
    def ratio(self) -> Tensor:
        """Distance between samples of a label over that between its photos: near 0, G ignores z. 1 before the first pair."""
        photos, samples, _ = self.sums
        return torch.where(photos > 0, samples / photos.clamp_min(1e-9), 1.0)

    def loss(self, sums: Tensor) -> Tensor:
        """G's extra loss for a batch's `pair_sums`: minus the samples' distance, in units of the photos', while the ratio is below 1.

        The weight of few pairs is bounded: a batch counts as if it had at least one pair for every two images.
        """
        photos, _, pairs = self.sums
        unit = photos / pairs.clamp_min(1e-9) * sums[2].clamp_min(0.5)
        return torch.where(self.ratio < 1, -sums[1] / unit.clamp_min(1e-9), 0.0)

    def update(self, sums: Tensor, num: int) -> None:
        """Add a step of `num` images: `sums` is its `pair_sums`, averaged over workers."""
        self.sums.lerp_(sums, 1 - 0.5 ** (num / MEMORY))


def patterns(x: Tensor) -> Tensor:
    """x [N, C, H, W] at SIDE to 2 SIDE px, each channel of each picture without its mean, at a standard deviation of about 1."""
    x = x.float()
    if x.shape[2] >= 2 * SIDE:
        x = F.avg_pool2d(x, x.shape[2] // SIDE)
    return F.group_norm(x, x.shape[1], eps=FLAT**2)  # one kernel on a GPU
