import numpy as np
import pytest

from ganray.catalog.products import CATEGORIES
from ganray.catalog.sample import draw, product


@pytest.mark.parametrize("place", range(len(CATEGORIES)))
def test_every_category_is_drawn_whole_on_its_ground_and_differs_from_the_next(place):
    item = product(0, place)
    pixels, mask = draw(item, 48)
    assert pixels.shape == (48, 48, 3) and mask.shape == (48, 48)
    assert 0.05 < (mask > 127).mean() < 0.9
    assert np.ptp(pixels[mask == 0].astype(int), axis=1).max() <= 2  # white with a grey shadow
    assert (pixels[mask == 0] == 255).all(axis=1).mean() > 0.5
    edges = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    assert (edges > 127).mean() < 0.05
    assert not np.array_equal(draw(product(0, place + 1), 48)[1], mask)


def test_the_first_products_are_of_all_categories():
    assert {product(0, place).category for place in range(len(CATEGORIES))} == set(CATEGORIES)
