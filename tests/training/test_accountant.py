from __future__ import annotations

import math
import sys

import pytest

from ganray.config import AugmentConfig, LossConfig, PrivacyConfig, ScoreConfig, TrainConfig
from ganray.errors import ConfigError
from ganray.training.accountant import ORDERS, _divergences, epsilon_of, noise_for, record, require, steps_of


def to_epsilon(divergence, delta: float) -> float:
    """arXiv 1905.09982, theorem 21, over whole orders: written anew, to have a second opinion."""
    return min(divergence(order) + math.log1p(-1 / order) - (math.log(delta) + math.log(order)) / (order - 1) for order in range(2, 200))


def sampled_gaussian(order: int, noise: float, rate: float) -> float:
    """arXiv 1908.10530, section 3.3: the sum of binomials, for a whole order."""
    terms = [
        math.lgamma(order + 1) - math.lgamma(k + 1) - math.lgamma(order - k + 1)
        + k * math.log(rate) + (order - k) * math.log1p(-rate) + (k * k - k) / (2 * noise**2)
        for k in range(order + 1)
    ]  # fmt: skip
    top = max(terms)
    return (top + math.log(sum(math.exp(term - top) for term in terms))) / (order - 1)


@pytest.mark.parametrize(("noise", "rate", "steps"), [(1.0, 0.01, 1000), (2.0, 0.1, 300), (0.7, 128 / 60_000, 2000)])
def test_epsilon_is_that_of_the_formula(noise, rate, steps):
    expected = to_epsilon(lambda order: steps * sampled_gaussian(order, noise, rate), 1e-5)
    got = epsilon_of(noise, rate, steps, 1e-5)
    assert 0.9 * expected < got <= expected * (1 + 1e-9)  # orders between whole ones lower it a little


@pytest.mark.long  # `import opacus` takes seconds, which is why a run does without
def test_epsilon_is_that_of_the_library_s_own_accountant():
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = [(2.0, 0.1, 300)]
    assert epsilon_of(2.0, 0.1, 300, 1e-5) == accountant.get_epsilon(delta=1e-5, alphas=list(ORDERS))


def test_without_sampling_it_is_the_gaussian_mechanism():
    expected = to_epsilon(lambda order: 10 * order / (2 * 5.0**2), 1e-5)
    assert epsilon_of(5.0, 1.0, 10, 1e-5) == pytest.approx(expected, rel=0.02)


def test_more_steps_tell_more_and_none_tells_nothing():
    spent = [epsilon_of(1.0, 0.01, steps, 1e-6) for steps in (0, 1, 100, 1000)]
    assert spent[0] == 0
    assert spent == sorted(spent)
    assert spent[1] > 0


@pytest.mark.parametrize(("epsilon", "rate", "steps"), [(0.5, 0.01, 1000), (10.0, 128 / 60_000, 500), (3.0, 1.0, 20)])
def test_the_noise_found_gives_epsilon_back(epsilon, rate, steps):
    noise = noise_for(epsilon, 1e-6, rate, steps)
    assert 0.98 * epsilon < epsilon_of(noise, rate, steps, 1e-6) <= epsilon
    assert epsilon_of(noise / 1.01, rate, steps, 1e-6) > 0.999 * epsilon


def test_what_no_noise_can_promise_is_refused():
    with pytest.raises(ConfigError, match="cannot be reached"):
        noise_for(1e-6, 1e-9, 1.0, 100_000)


def test_a_record_counts_the_steps_that_were_taken():
    config = TrainConfig(
        kimg=10.0,
        batch=100,
        loss=LossConfig(name="bce", penalty="none", spread=0.0),
        augment=AugmentConfig(target=0.0),
        score=ScoreConfig(kimg=0.0),
        privacy=PrivacyConfig(epsilon=5.0, noise=1.5),
    )
    whole, early = (record(config, 1000, num) for num in (10_000, 4000))
    assert (whole.steps, early.steps, steps_of(config)) == (100, 40, 100)
    assert early.epsilon < whole.epsilon
    assert whole.rate == 0.1
    assert "opacus" in whole.accountant


def test_without_the_library_one_line_tells_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "opacus", None)
    _divergences.cache_clear()
    with pytest.raises(ConfigError, match=r"pip install 'ganray\[privacy\]'"):
        require()
