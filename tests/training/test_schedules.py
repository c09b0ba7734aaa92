from __future__ import annotations

import pytest

from ganray.config import AugmentConfig, ConditionConfig, GrowConfig, LossConfig, ModelConfig, OptimizerConfig, TrainConfig
from ganray.training.schedules import crossed, ema_beta, hyper

CONFIG = TrainConfig(
    kimg=10,
    batch=50,
    ema_kimg=2,
    ema_rampup=0.1,
    optimizer=OptimizerConfig(lr=1e-3, lr_final=1e-4, beta2=0.9, beta2_final=0.99),
    loss=LossConfig(gamma=1.0, gamma_final=0.1),
    augment=AugmentConfig(p=0.0, p_final=0.6, ramp_kimg=4),
)


def test_everything_starts_and_ends_where_the_config_says():
    first, last = hyper(CONFIG, 0), hyper(CONFIG, 10_000)
    assert (first.lr, first.beta2, first.gamma, first.p) == pytest.approx((1e-3, 0.9, 1.0, 0.0))
    assert (last.lr, last.beta2, last.gamma, last.p) == pytest.approx((1e-4, 0.99, 0.1, 0.6))


def test_halfway_a_cosine_is_in_the_middle_and_afterwards_constant():
    assert hyper(CONFIG, 5_000).lr == pytest.approx(5.5e-4)
    assert hyper(CONFIG, 99_000) == hyper(CONFIG, 50_000)


def test_the_ramp_of_p_is_linear_and_has_its_own_length():
    assert hyper(CONFIG, 1_000).p == pytest.approx(0.15)
    assert hyper(CONFIG, 4_000).p == hyper(CONFIG, 9_000).p == pytest.approx(0.6)


def test_labels_wait_for_half_of_their_time_and_then_come_in_a_line():
    config = CONFIG.model_copy(update={"condition": ConditionConfig(ramp_kimg=4)})
    assert [hyper(config, n).condition for n in (0, 1_000, 2_000, 3_000, 4_000, 9_000)] == [0, 0, 0, 0.5, 1, 1]
    assert hyper(CONFIG, 0).condition == 1


def test_decay_kimg_shortens_the_schedules():
    config = CONFIG.model_copy(update={"optimizer": CONFIG.optimizer.model_copy(update={"decay_kimg": 5.0})})
    assert hyper(config, 5_000).lr == pytest.approx(1e-4)


def test_the_moving_average_has_the_half_life_it_was_given():
    assert ema_beta(CONFIG, 0) == 0
    assert ema_beta(CONFIG, 1_000) ** (100 / 50) == pytest.approx(0.5)  # a tenth of the images seen
    assert ema_beta(CONFIG, 90_000) ** (2_000 / 50) == pytest.approx(0.5)  # the cap


def test_the_clock_strikes_once_for_each_mark():
    strikes = [n for n in range(0, 3_000, 64) if crossed(n, n + 64, 0.5)]
    assert len(strikes) == 6
    assert all(n < mark <= n + 64 for n, mark in zip(strikes, range(500, 3_001, 500), strict=True))


def test_sides_double_and_the_penalty_follows_the_pixels():
    config = CONFIG.model_copy(
        update={"grow": GrowConfig(kimg=(2, 3)), "model": ModelConfig(resolution=64), "loss": LossConfig(gamma=1.0, gamma_final=1.0)}
    )
    assert [hyper(config, n).side for n in (0, 1_999, 2_000, 4_999, 5_000, 99_000)] == [16, 16, 32, 32, 64, 64]
    assert [hyper(config, n).gamma for n in (0, 2_000, 5_000)] == [1 / 16, 1 / 4, 1]
    assert hyper(CONFIG, 0).side == CONFIG.model.resolution
