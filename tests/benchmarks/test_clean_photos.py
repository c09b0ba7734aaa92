import numpy as np

from ganray.benchmarks.clean_photos import clean_photos


def test_photos_are_on_white_and_ever_the_same():
    cutout = np.dstack([np.full((40, 20, 3), 90, np.uint8), np.full((40, 20), 255, np.uint8)])
    photos = list(clean_photos(4, 120, [cutout]))
    assert [kind for kind, _ in photos] == ["product", "person", "cutout", "product"]
    for (_, one), (_, other) in zip(photos, clean_photos(4, 120, [cutout]), strict=True):
        assert one.shape == (120, 120, 3) and (one[:2] == 255).all() and np.array_equal(one, other)
