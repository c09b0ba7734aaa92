from __future__ import annotations

import pytest
import torch

from ganray.config import AugmentConfig
from ganray.training.adapt import MEMORY, Adaptive, sign_statistic

CONFIG = AugmentConfig(p=0.2, p_final=0.8, target=0.6, speed_kimg=100.0)


def adapted(signs: list[float], num: int, config: AugmentConfig = CONFIG) -> Adaptive:
    adaptive = Adaptive.start(config, "cpu")
    for sign in signs:
        adaptive.update(torch.tensor(sign), num, config)
    return adaptive


def test_the_statistic_is_twice_the_share_of_ordered_pairs_less_one():
    real, fake = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0.0, 5.0, 2.0, 3.0])
    assert sign_statistic(real, fake).item() == 0.5
    assert sign_statistic(100 * real + 7, 100 * fake + 7).item() == 0.5  # the game fixes neither scale nor zero of the logits
    assert sign_statistic(real, real).item() == 0


def test_p_rises_while_d_tells_more_than_it_should_and_falls_otherwise():
    assert adapted([0.9] * 10, 1000).p.item() == pytest.approx(0.3)
    assert adapted([0.1] * 10, 1000).p.item() == pytest.approx(0.1)


def test_p_stays_between_zero_and_the_most_it_may_reach():
    assert adapted([1.0] * 100, 1000).p.item() == pytest.approx(0.8)
    assert adapted([-1.0] * 100, 1000).p.item() == 0


def test_it_stands_still_at_the_target():
    assert adapted([0.6], 64).p.item() == pytest.approx(0.2)


def test_speed_and_memory_count_images_not_steps():
    """Four steps of 64 and one of 256: the same statistic, and the same way of p."""
    many, one = adapted([0.9] * 4, 64), adapted([0.9], 256)
    assert many.sign.item() == pytest.approx(one.sign.item()) == pytest.approx(0.75)  # half-way to what it sees: 256 is the half-life
    assert many.p.item() == pytest.approx(one.p.item())
    assert MEMORY == 256


def test_it_settles_where_d_has_the_advantage_that_was_asked_for():
    """A stand-in for a D whose advantage falls as p rises: p comes to rest where the advantage is the target."""
    adaptive = Adaptive.start(CONFIG, "cpu")
    for _ in range(2000):
        adaptive.update(0.95 - adaptive.p, 64, CONFIG)
    assert adaptive.p.item() == pytest.approx(0.35, abs=0.02)
