from __future__ import annotations

import pytest
import torch
from torch.nn.functional import softplus

from ganray.config import ModelConfig
from ganray.errors import EvaluationError
from ganray.metrics.membership import membership
from ganray.models import build_discriminator


def test_auc_is_the_share_of_pairs_in_order_and_a_tie_counts_half():
    assert membership(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 2.0])).auc == pytest.approx((1 + 1.5 + 2) / 6)
    assert membership(torch.ones(4), torch.ones(5)).auc == 0.5
    assert membership(torch.tensor([3.0, 4.0]), torch.tensor([1.0, 2.0])).auc == 1.0


def test_the_gap_is_in_deviations_of_held_out_scores():
    others = torch.tensor([-1.0, 1.0, 0.0])
    assert membership(others + 2.0, others).gap == pytest.approx(2.0)
    assert membership(10 * others + 20.0, 10 * others).gap == pytest.approx(2.0)


def test_too_few_are_refused():
    with pytest.raises(EvaluationError, match="1 training and 5 held-out"):
        membership(torch.ones(1), torch.ones(5))


def test_an_untrained_discriminator_knows_nothing_and_an_overfitted_one_its_photos():
    torch.manual_seed(0)
    network = build_discriminator(ModelConfig(name="mlp", resolution=8, channels=1, widths=(32, 64)), ())
    photos, none = torch.rand(3, 64, 1, 8, 8) * 2 - 1, torch.empty(64, 0, dtype=torch.int64)
    members, others, fake = photos

    def check():
        with torch.no_grad():
            return membership(network(members, none), network(others, none))

    found = check()
    assert abs(found.auc - 0.5) < 4 * found.error
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(100):
        optimizer.zero_grad()
        (softplus(-network(members, none)).mean() + softplus(network(fake, none)).mean()).backward()
        optimizer.step()
    found = check()
    assert found.auc > 0.5 + 5 * found.error
    assert found.gap > 0.5
