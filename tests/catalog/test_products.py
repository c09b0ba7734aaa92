import itertools

import numpy as np
import pytest

from ganray.catalog.drawing import Canvas
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


@pytest.mark.parametrize("side", [40, 110])
def test_masks_are_the_share_of_the_ground_that_products_hide(side, monkeypatch):
    monkeypatch.setattr("ganray.catalog.sample.white", lambda side: np.full((side, side, 3), level, np.float32))
    monkeypatch.setattr(Canvas, "shadow", lambda *args: None)
    for place in range(3 * len(CATEGORIES)):
        level = 255.0
        before_white, mask = draw(product(1, place), side)
        level = 0.0
        before_black, _ = draw(product(1, place), side)
        hidden = 255 - (before_white.astype(int) - before_black)
        assert np.abs(hidden - mask[..., None]).max() <= 1


ALIKE, MEAN, LEAST = 0.85, 0.87, 4  # intersection over union of two silhouettes of one shape; bounds of a category


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("category", CATEGORIES)
def test_products_of_a_category_have_different_silhouettes(category):
    """Masks know neither colour nor pattern; mirror images are one silhouette."""
    masks = [draw(product(0, list(CATEGORIES).index(category) + len(CATEGORIES) * place), 48)[1] > 127 for place in range(24)]
    shapes: list[np.ndarray] = []
    for mask in masks:
        if all(max(overlap(mask, shape), overlap(mask[:, ::-1], shape)) < ALIKE for shape in shapes):
            shapes.append(mask)
    assert len(shapes) >= LEAST
    assert np.mean([overlap(one, other) for one, other in itertools.combinations(masks, 2)]) < MEAN


@pytest.mark.parametrize("category", ["cap", "mug", "sneaker"])
def test_products_face_either_side(category):
    """What is heavier on one side is so on the left for some, on the right for others."""
    masks = [draw(product(0, list(CATEGORIES).index(category) + len(CATEGORIES) * place), 48)[1] > 127 for place in range(24)]
    left = sum(bool(mask[:, :24].sum() > mask[:, 24:].sum()) for mask in masks)
    assert 4 <= left <= 20


def test_products_of_one_shape_differ_within():
    """Two T-shirts of one colour and cut: collars, pockets, folds and light are not the same."""
    blue = [item for item in (product(0, 9 + 12 * place) for place in range(120)) if (item.colour, item.pattern) == ("blue", "plain")]
    items = blue[:5]
    pictures = [draw(item, 48) for item in items]
    inside = [np.abs(a.astype(int) - b)[(m > 200) & (n > 200)].mean() for (a, m), (b, n) in itertools.combinations(pictures, 2)]
    assert len(pictures) >= 3 and min(inside) > 1.0


@pytest.mark.parametrize("category", CATEGORIES)
def test_without_variety_all_products_of_a_category_have_the_first_style(category):
    masks = [draw(product(0, list(CATEGORIES).index(category) + len(CATEGORIES) * place, 0.0, 0.0), 48)[1] > 127 for place in range(12)]
    assert min(overlap(masks[0], mask) for mask in masks) > 0.7  # proportions differ
