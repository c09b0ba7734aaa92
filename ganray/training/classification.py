"""The auxiliary classifier in the game (AC-GAN: Odena et al. 2017, arXiv 1610.09585, section 3).

D learns to name the values of photos beside telling real from fake. With a few thousand photos and minutes of a CPU that is most of what it
can learn of shapes: what a sleeve is good for is told by a label at once, and by the game late. Fakes do not teach it, as they would
teach it what G draws wrong. G may follow it, too: it then draws what it is asked for, and the surest picture of it again.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ganray.config import ModelConfig

# Images, labels, and whether to classify, to what `Discriminator.forward` gives: D, or D with its weights cast.
Score = Callable[..., Tensor]


def judged(score: Score, images: Tensor, label: Tensor, model: ModelConfig) -> tuple[Tensor, Tensor | None]:
    """Logits [N], and the scores [N, K] of all values, where the model has a classifier."""
    if not model.classifier:
        return score(images, label), None
    output = score(images, label, True)
    return output[:, 0], output[:, 1:]


def classification_loss(scores: Tensor, label: Tensor, sizes: tuple[int, ...], model: ModelConfig) -> Tensor:
    """Mean cross entropy of scores [N, K] under label [N, A + T], over images and attributes with `sizes` values.

    In a model that reads titles the last value of an attribute says that it was left out: there it counts nothing.
    """
    losses = []
    for column, own in enumerate(scores.split(list(sizes), 1)):
        losses.append(F.cross_entropy(own, label[:, column], reduction="none"))
        if model.title_pieces:
            losses[-1] = losses[-1] * (label[:, column] < sizes[column] - 1)
    return torch.stack(losses).mean() if losses else scores.sum()
