import itertools

import numpy as np
import pytest

from ganray.benchmarks.quality_run import Run, Timed, batches, config_of, fitted, is_grey
from ganray.benchmarks.recipes import AT_32, AT_64
from ganray.config import TrainConfig
from ganray.training.context import Decision


def test_an_epoch_shows_every_photo_once():
    pixels, labels = np.zeros((100, 4, 4, 3), np.uint8), np.arange(100)[:, None]
    config = config_of(Run("", "r3", 0, 1.0, "", 64, ""), 32, grey=False)
    seen = [batch.labels[:, 0].tolist() for batch in itertools.islice(batches(pixels, labels, config), 12)]
    first, second = (list(itertools.chain(*part)) for part in (seen[:6], seen[6:]))
    assert len(set(first)) == len(first) == 96
    assert first != second


def test_all_models_draw_grey_where_the_photos_are():
    grey = np.full((2, 4, 4, 3), 7, np.uint8)
    assert is_grey(grey)
    assert not is_grey(grey + np.array([0, 0, 1], np.uint8))
    for side, recipes in ((32, AT_32), (64, AT_64)):
        configs = [config_of(Run("", model, 0, 1.0, "", 64, ""), side, grey=True) for model in recipes]
        assert {(config.model.channels, config.model.resolution) for config in configs} == {(1, side)}


def test_the_length_fits_the_time_and_sides_keep_their_shares():
    config = TrainConfig(kimg=100, grow={"kimg": (20, 30)}, model={"widths": (128, 96, 64)})
    speeds = {(1e6, 1e6): 8.0, (1e6,): 4.0, (): 1.0}  # thousand images a minute at a quarter, a half, the whole side
    fit = fitted(config, 10.0, lambda trial: speeds[trial.grow.kimg])
    assert fit.grow.kimg == pytest.approx((0.2 * fit.kimg, 0.3 * fit.kimg))
    assert fit.kimg * (0.2 / 8 + 0.3 / 4 + 0.5 / 1) == pytest.approx(10.0)


def test_marks_are_met_once_each_and_the_end_ends():
    assert Timed(0.0).decide() == Decision.FINISH
    assert Timed(1e6).decide() == Decision.GO_ON
    context = Timed(0.0, marks=(0.5,))
    assert context.decide() == Decision.CHECKPOINT
