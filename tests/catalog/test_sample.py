import csv
import io
from collections import Counter

import numpy as np
import pytest

from ganray.catalog.drawing import PATTERNS
from ganray.catalog.products import CATEGORIES
from ganray.catalog.sample import COLOURS, Product, SamplePlan, attributes_csv, draw, photo_key, product


def test_a_product_is_a_function_of_seed_and_index():
    assert product(7, 5) == product(7, 5)
    assert all((a == b).all() for a, b in zip(draw(product(7, 5), 48), draw(product(7, 5), 48), strict=True))
    assert (draw(product(7, 5), 48)[0] != draw(product(8, 5), 48)[0]).any()
    assert (draw(product(7, 5), 48)[0] != draw(product(7, 5 + len(CATEGORIES)), 48)[0]).any()


def test_the_catalog_covers_everything_evenly():
    products = [product(0, index) for index in range(1200)]
    assert len(CATEGORIES) >= 10
    assert set(Counter(item.category for item in products).values()) == {1200 // len(CATEGORIES)}
    colours, patterns = Counter(item.colour for item in products), Counter(item.pattern for item in products)
    assert set(colours) == set(COLOURS)
    assert min(colours.values()) > 0.6 * 1200 / len(COLOURS)
    assert set(patterns) == set(PATTERNS)
    assert len({item.sku for item in products}) == 1200
    assert {item.background for item in products} == {"white"}


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("side", [32, 128])
def test_every_category_fills_its_frame_on_white_and_the_mask_is_its_product(category, side):
    for vary_seed in range(5):
        item = Product("X", category, "blue", "plain", "white", "", vary_seed, 4)
        pixels, mask = draw(item, side)
        assert pixels.shape == (side, side, 3)
        assert mask.shape == (side, side)
        rows, columns = np.flatnonzero((mask > 127).any(axis=1)), np.flatnonzero((mask > 127).any(axis=0))
        assert max(rows[-1] - rows[0], columns[-1] - columns[0]) >= 0.72 * side
        assert 0.11 < (mask > 127).mean() < 0.75
        assert (pixels[mask == 0] >= 180).all()  # white, or a soft shadow
        assert (pixels[:2][mask[:2] == 0] == 255).mean() > 0.99


@pytest.mark.parametrize("colour", COLOURS)
def test_the_named_colour_is_the_dominant_one(colour):
    for category in CATEGORIES:
        pixels, mask = draw(Product("X", category, colour, "plain", "white", "", 1, 8), 64)
        mean = pixels[mask > 200].mean(axis=0)
        distance = {name: np.abs(_hue(mean) - _hue(np.array(other))).sum() for name, other in COLOURS.items()}
        assert sorted(distance, key=distance.get).index(colour) < 3, (category, colour, mean)


def _hue(colour: np.ndarray) -> np.ndarray:
    return (colour - colour.mean()) / 255


def test_patterns_show():
    plain, striped, dotted = (draw(Product("X", "t-shirt", "red", pattern, "white", "", 1, 8), 64)[0].astype(int) for pattern in PATTERNS)
    for image in (striped, dotted):
        assert (np.abs(image - plain).max(axis=2) > 80).mean() > 0.05
    assert (np.abs(striped - dotted).max(axis=2) > 80).mean() > 0.05


def test_clutter_changes_the_background_and_not_the_product():
    white, mask = draw(Product("X", "mug", "red", "plain", "white", "", 3, 8), 64)
    busy, same_mask = draw(Product("X", "mug", "red", "plain", "cluttered", "", 3, 8), 64)
    assert (mask == same_mask).all()
    assert (busy[mask == 255] == white[mask == 255]).all()
    assert (busy[mask == 0] == 255).mean() < 0.1
    shares = Counter(product(0, index, cluttered=0.3).background for index in range(1000))
    assert 220 < shares["cluttered"] < 380


def test_the_picture_is_the_same_at_any_resolution():
    item = product(0, 6)
    large, small = draw(item, 256)[0].reshape(64, 4, 64, 4, 3).mean(axis=(1, 3)), draw(item, 64)[0]
    assert np.abs(large - small).mean() < 4.0


def test_the_table_names_every_photo():
    products = [product(0, index) for index in range(30)]
    rows = list(csv.DictReader(io.StringIO(attributes_csv(products).decode())))
    assert [row["file"] for row in rows] == [photo_key(item) for item in products]
    assert rows[3] == {
        "file": photo_key(products[3]),
        **{name: getattr(products[3], name) for name in ("sku", "category", "colour", "pattern", "background", "title")},
    }


def test_a_plan_knows_its_products_and_what_a_larger_one_left():
    plan = SamplePlan(products=24, seed=3, side=64, cluttered=0.5, variety=0.2)
    assert plan.product(5) == product(3, 5, 0.5, 0.2)
    assert SamplePlan.from_json(plan.to_json()) == plan
    assert SamplePlan.from_json(b'{"products": 24}') is None
    assert plan.outgrown(photo_key(product(0, 24)))
    for key in (photo_key(product(0, 23)), "mug/MUG-0000024.png", "attributes.csv", "own.png", "x/" + photo_key(product(0, 24))):
        assert not plan.outgrown(key)
