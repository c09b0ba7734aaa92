import numpy as np

from ganray.benchmarks.relabel import VOCABULARY, middle_colour, photos_of
from ganray.catalog.sample import product


def test_photos_have_the_labels_of_their_products():
    pixels, labels = photos_of(range(3))
    assert pixels.shape == (3, 32, 32, 3) and pixels.dtype == np.uint8
    for index, (category, colour) in enumerate(labels.tolist()):
        item = product(0, index)
        assert (VOCABULARY["category"][category], VOCABULARY["colour"][colour]) == (item.category, item.colour)


def test_the_middle_colour_is_the_product_s():
    pixels = np.full((8, 8, 3), 255, np.uint8)
    assert middle_colour(pixels)[0] > 99
    pixels[2:4, 2:4] = 0
    assert middle_colour(pixels)[0] < 1
