from __future__ import annotations

import pytest
import torch

from ganray.training.draws import CounterDraws, Draws, step_draws


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


class TestCounter:
    """A generator that depends on nothing but its seed."""

    def test_parts_of_a_batch_draw_what_the_whole_draws(self):
        whole, part = CounterDraws(7, 8), CounterDraws(7, 8, first=3)
        assert torch.equal(whole.normal(8, 5)[3:6], part.normal(3, 5))
        assert torch.equal(whole.uniform(4, 8)[:, 3:6], part.uniform(4, 3))
        noise = whole.noise(8, 0.5, (3, 2, 2)).unflatten(0, (2, 4))  # of positions 1, 3, 5, 7
        assert torch.equal(noise[:, 1:3].flatten(0, 1), part.noise(3, 0.5, (3, 2, 2)))

    def test_it_is_splitmix64(self):
        """Its first numbers for the seed 1234567, as published with the algorithm (the upper 24 bits of each)."""
        first = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
        assert CounterDraws(1234567, 5).uniform(1, 5)[0].tolist() == [(number >> 40) / 2**24 for number in first]

    def test_numbers_are_uniform_and_normal(self):
        draws = CounterDraws(1, 100_000)
        uniform, normal = draws.uniform(1, 100_000)[0], draws.normal(100_000, 1)[:, 0]
        assert torch.histc(uniform, 10, 0, 1).sub(10_000).abs().max() < 500
        assert (uniform[1:] - 0.5).mul(uniform[:-1] - 0.5).mean().abs() < 1e-3
        assert normal.mean().abs() < 0.015
        assert normal.std() == pytest.approx(1, abs=0.01)
        assert (normal.abs() > 2).float().mean() == pytest.approx(0.0455, abs=0.003)
        assert normal.isfinite().all()

    def test_every_call_draws_new_numbers(self):
        draws = CounterDraws(1, 4)
        assert len({round(number, 6) for _ in range(3) for number in draws.uniform(2, 4).flatten().tolist()}) == 24
