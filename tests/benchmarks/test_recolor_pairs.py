import numpy as np

from ganray.benchmarks.recolor_pairs import pairs


def test_pairs_differ_in_the_garment_alone():
    for pair in pairs(3):
        assert pair.photo.pixels.shape == pair.truth.pixels.shape and pair.source != pair.target
        garment, far = pair.photo.share("garment0"), np.abs(pair.photo.pixels.astype(int) - pair.truth.pixels).max(2) > 12
        assert not (far & (garment == 0)).any() and far[garment > 0.9].mean() > 0.4
