from __future__ import annotations

import pytest

from ganray.config import LossConfig, TrainConfig
from ganray.presets import preset
from ganray.training.gamma import auto_gamma, gammas, resolve_gamma
from ganray.training.schedules import hyper


def test_twice_the_side_is_four_times_the_weight():
    assert [auto_gamma(side) for side in (32, 64, 128, 256)] == [0.25, 1, 4, 16]


def test_fewer_images_weigh_more_within_bounds():
    assert [auto_gamma(64, num) for num in (160_000, 10_000, 625)] == [0.5, 1, 2]
    assert (auto_gamma(64, 0), auto_gamma(64, 3), auto_gamma(64, 10**9)) == (4, 4, 0.25)


def test_what_is_given_stands():
    assert gammas(LossConfig(gamma=3.0), 64) == (3.0, 0.3)
    assert gammas(LossConfig(gamma="auto", gamma_final=0.5), 64) == (1.0, 0.5)
    assert gammas(LossConfig(gamma=0.0, gamma_final=0.0), 64) == (0.0, 0.0)


def test_a_run_writes_down_what_was_chosen():
    base = preset("r3-64")
    config = base.model_copy(update={"loss": resolve_gamma(base.loss, 64, 3000)})
    assert (config.loss.gamma, config.loss.gamma_final) == (pytest.approx(1.35, abs=0.01), pytest.approx(0.135, abs=0.001))
    assert resolve_gamma(config.loss, 64, 10) == config.loss
    assert hyper(config, 0).gamma == config.loss.gamma


def test_without_a_catalog_the_schedule_takes_ten_thousand_images():
    assert hyper(TrainConfig(), 0).gamma == auto_gamma(32)


def test_what_was_tuned_stays():
    assert (preset("demo-32").loss.gamma, preset("demo-32").loss.gamma_final) == (0.05, 0.02)
    assert all(preset(name).loss.gamma is None for name in ("r3-64", "r3-128", "r3-256"))
