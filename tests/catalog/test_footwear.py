import numpy as np
import pytest
from PIL import Image

from ganray.catalog.footwear import KINDS, shoes_from_above
from ganray.images.components import numbered


def test_a_pair_is_the_same_for_the_same_numbers_and_another_for_others():
    first = shoes_from_above(7, 3, 96)
    assert first.shape == (96, 96, 4) and first.dtype == np.uint8
    assert np.array_equal(first, shoes_from_above(7, 3, 96))
    assert not np.array_equal(first, shoes_from_above(7, 4, 96)) and not np.array_equal(first, shoes_from_above(8, 3, 96))


@pytest.mark.parametrize("index", range(24))
def test_each_is_whole_with_its_insole(index):
    """One or two shoes of some size, without holes: what is enclosed is insole."""
    alpha = shoes_from_above(7, index, 128)[..., 3] > 127
    parts = numbered(alpha)
    areas = np.bincount(parts[alpha])[1:]
    assert 1 <= len(areas) <= 2 and areas.min() > 0.03 * 128**2
    outside = numbered(~alpha)
    assert outside.max() == 1


def test_there_are_all_kinds_and_insoles_of_other_colours_than_the_upper():
    differ = 0
    for index in range(30):
        pixels = np.asarray(Image.fromarray(shoes_from_above(7, index, 64)).convert("RGBA"))
        solid = pixels[pixels[..., 3] > 250][:, :3].astype(int)
        differ += int(np.ptp(solid.sum(1)) > 200)
    assert len(KINDS) == 3 and differ > 15
