from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from ganray.config import DataConfig, TrainConfig
from ganray.training.poisson import poisson_batches

NUM, STEPS = 200, 1000
CONFIG = TrainConfig(batch=10, data=DataConfig(flip=0.0))
PIXELS = np.broadcast_to(np.arange(NUM, dtype=np.uint8)[:, None, None, None], (NUM, 4, 4, 3))
LABELS = np.arange(NUM)[:, None]


@pytest.fixture(scope="module")
def joined() -> np.ndarray:
    """Which photo joined which step: bool [STEPS, NUM]."""
    there = np.zeros((STEPS, NUM), bool)
    for row, batch in zip(there, poisson_batches(PIXELS, LABELS, CONFIG, "secret", 0), strict=False):
        row[batch.labels[:, 0].numpy()] = True
        assert (batch.images.numpy() == batch.labels.numpy()[:, :, None, None]).all()  # a photo keeps its label
    return there


def test_every_photo_joins_at_the_rate_of_the_batch(joined):
    rate = CONFIG.batch / NUM
    assert joined.mean() == pytest.approx(rate, abs=5 * (rate * (1 - rate) / joined.size) ** 0.5)
    assert (abs(joined.mean(0) - rate) < 5 * (rate * (1 - rate) / STEPS) ** 0.5).all()


def test_coins_are_independent_between_photos_and_between_steps(joined):
    """The number of a step varies as a sum of independent coins does, and steps tell nothing of the next."""
    rate = CONFIG.batch / NUM
    sizes = joined.sum(1)
    assert sizes.var() == pytest.approx(NUM * rate * (1 - rate), rel=5 * (2 / STEPS) ** 0.5)
    assert abs(np.corrcoef(sizes[:-1], sizes[1:])[0, 1]) < 5 / STEPS**0.5
    both = (joined[:-1] & joined[1:]).mean()
    assert both == pytest.approx(rate**2, abs=5 * rate / joined.size**0.5)


def test_a_position_is_all_that_resume_needs_and_the_secret_decides():
    whole = list(islice(poisson_batches(PIXELS, LABELS, CONFIG, "secret", 0), 6))
    later = list(islice(poisson_batches(PIXELS, LABELS, CONFIG, "secret", 40), 2))
    assert [batch.key for batch in later] == [batch.key for batch in whole[4:]]
    assert all(np.array_equal(a.labels, b.labels) for a, b in zip(later, whole[4:], strict=True))
    other = next(poisson_batches(PIXELS, LABELS, CONFIG, "other", 0))
    assert not np.array_equal(other.labels, whole[0].labels)


def test_a_step_without_a_photo_is_a_batch_too():
    rare = CONFIG.model_copy(update={"batch": 1})
    sizes = {len(batch.images) for batch in islice(poisson_batches(PIXELS, LABELS, rare, "secret", 0), 50)}
    assert 0 in sizes
