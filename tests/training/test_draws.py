from __future__ import annotations

import pytest
import torch

from ganray.training.draws import Draws, step_draws


@pytest.mark.parametrize("cuts", [[16], [8, 8], [5, 11], [1, 14, 1], [4, 4, 4, 4]])
@pytest.mark.parametrize("fraction", [0.01, 0.25, 0.3, 1.0])
def test_parts_of_a_batch_draw_what_the_whole_draws(cuts, fraction):
    whole = step_draws(3, 480, 16)
    expected = whole.normal(16, 4), whole.uniform(5, 16), whole.noise(16, fraction, (3, 2, 2)), whole.normal(16, 2)
    parts = [step_draws(3, 480, 16, first) for first in torch.tensor([0, *cuts]).cumsum(0)[:-1].tolist()]
    assert torch.equal(torch.cat([part.normal(num, 4) for part, num in zip(parts, cuts, strict=True)]), expected[0])
    assert torch.equal(torch.cat([part.uniform(5, num) for part, num in zip(parts, cuts, strict=True)], dim=1), expected[1])
    noise = [part.noise(num, fraction, (3, 2, 2)).unflatten(0, (2, -1)) for part, num in zip(parts, cuts, strict=True)]
    assert torch.equal(torch.cat(noise, dim=1).flatten(0, 1), expected[2])
    assert torch.equal(torch.cat([part.normal(num, 2) for part, num in zip(parts, cuts, strict=True)]), expected[3])


@pytest.mark.parametrize(("fraction", "places"), [(0.25, [2, 6, 10, 14]), (0.01, [8]), (0.5, [1, 3, 5, 7, 9, 11, 13, 15])])
def test_the_chosen_are_spread_over_the_batch(fraction, places):
    assert Draws(0, 16).chosen(16, fraction).tolist() == places
    assert Draws(0, 16, first=8).chosen(4, fraction).tolist() == [place - 8 for place in places if 8 <= place < 12]
    assert Draws(0, 16, first=8).share_chosen(4, fraction) == len(places) / 4


def test_a_part_of_a_share_is_a_part_of_the_batch():
    share = step_draws(3, 480, 16, first=8)
    assert torch.equal(share.part(4).normal(2, 3), step_draws(3, 480, 16).normal(16, 3)[12:14])


def test_every_step_and_seed_has_its_own_stream():
    draws = {step_draws(*key, 4).normal(1, 1).item() for key in [(0, 0), (1, 0), (0, 32), (0, 64), (0, 0)]}
    assert len(draws) == 4
