"""Whether a discriminator gives away which photos it was trained on: the simplest attack, by the score that it gives (arXiv 1705.07663).

It takes D itself, which a run's checkpoints hold and a model folder does not: who has the generator alone knows less. An AUC near .5 is
no proof of privacy; one well above it is proof of the contrary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ganray.errors import EvaluationError


@dataclass(frozen=True)
class Membership:
    """`auc`: how often a training photo scores higher than a held-out one, .5 where D knows nothing of them; `error` its standard error
    were it .5. `gap`: mean score of training photos less that of held-out ones, in standard deviations of the held-out."""

    auc: float
    error: float
    gap: float


def membership(members: Tensor, others: Tensor) -> Membership:
    """Compare D's logits of training photos [n] and of held-out photos [m], each under its own label. EvaluationError if too few."""
    if min(len(members), len(others)) < 2:
        raise EvaluationError(f"{len(members)} training and {len(others)} held-out photos", "Compare at least 2 and 2")
    members, others = members.double().flatten(), others.double().flatten()
    ordered = others.sort().values
    below = torch.searchsorted(ordered, members, right=False) + torch.searchsorted(ordered, members, right=True)
    auc = below.double().mean() / (2 * len(others))  # a tie counts half
    error = math.sqrt((len(members) + len(others) + 1) / (12 * len(members) * len(others)))  # Mann-Whitney's
    spread = others.std().clamp_min(1e-12)
    return Membership(float(auc), error, float((members.mean() - others.mean()) / spread))
