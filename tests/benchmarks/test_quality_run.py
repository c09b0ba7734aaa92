import itertools

import numpy as np

from ganray.benchmarks.quality_run import AT_32, Run, batches, config_of, is_grey


def test_an_epoch_shows_every_photo_once():
    pixels, labels = np.zeros((100, 4, 4, 3), np.uint8), np.arange(100)[:, None]
    config = config_of(Run("", "r3", 0, 1.0, "", 64, ""), grey=False)
    seen = [batch.labels[:, 0].tolist() for batch in itertools.islice(batches(pixels, labels, config), 12)]
    first, second = (list(itertools.chain(*part)) for part in (seen[:6], seen[6:]))
    assert len(set(first)) == len(first) == 96
    assert first != second


def test_all_models_draw_grey_where_the_photos_are():
    grey = np.full((2, 4, 4, 3), 7, np.uint8)
    assert is_grey(grey)
    assert not is_grey(grey + np.array([0, 0, 1], np.uint8))
    channels = {config_of(Run("", model, 0, 1.0, "", 64, ""), grey=True).model.channels for model in AT_32}
    assert channels == {1}
