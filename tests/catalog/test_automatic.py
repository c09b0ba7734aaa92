from typing import get_args

import numpy as np
import pytest
from PIL import Image

from ganray.catalog.automatic import AUTOMATIC, BACKGROUNDS, SHADES, _product, _scene, automatic, to_lab
from ganray.catalog.sample import COLOURS, draw, product
from ganray.config import IngestConfig

NAMES = ("dominant_colour", "background")


def read(image: Image.Image) -> tuple[str, str]:
    values = automatic(image, NAMES)
    return values["dominant_colour"], values["background"]


def photo(product, background, box=(60, 50, 140, 190), size=(200, 240)) -> Image.Image:
    image = Image.new("RGB", size, background)
    image.paste(product, box)
    return image


def test_lab():
    known = {(255, 255, 255): (100, 0, 0), (0, 0, 0): (0, 0, 0), (255, 0, 0): (53.24, 80.09, 67.20), (0, 0, 255): (32.30, 79.19, -107.86)}
    assert np.abs(to_lab(np.array(list(known), np.uint8)) - np.array(list(known.values()))).max() < 0.05


def test_the_options_are_those_of_the_table():
    assert set(get_args(get_args(IngestConfig.model_fields["auto_attributes"].annotation)[0])) == set(AUTOMATIC)
    assert set(COLOURS) <= set(SHADES)
    assert automatic(Image.new("RGB", (9, 9)), ()) == {}


@pytest.mark.parametrize("name", SHADES)
def test_each_colour_is_told_on_white_and_on_grey(name):
    for shade in SHADES[name]:
        assert read(photo(shade, "white")) == (name, "white")
        assert read(photo(shade, "#909498"))[0] == name or name == "grey"


def test_a_background_is_no_product():
    assert read(photo("#206030", "#d03030")) == ("green", "plain")
    assert read(photo("#2040c0", "#f8f8f8")) == ("blue", "white")
    assert read(Image.new("RGB", (50, 70), "white")) == ("white", "white")
    assert read(photo("#f4f4f4", "white"))[0] == "white"


def test_light_that_falls_off_is_still_plain_and_clutter_is_not():
    fall = np.linspace(120, 220, 240)[:, None, None] * np.ones((1, 200, 3)) * (1 - 0.2 * np.linspace(-1, 1, 200)[None, :, None] ** 2)
    lit = Image.fromarray(fall.astype(np.uint8))
    lit.paste("#c02030", (60, 50, 140, 190))
    assert read(lit) == ("red", "plain")
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)).resize((200, 240))
    noise.paste("#c02030", (40, 30, 160, 210))
    assert read(noise) == ("red", "cluttered")


def test_stripes_on_white_cloth_have_the_stripes_colour():
    striped = np.full((140, 80, 3), 240, np.uint8)
    striped[(np.arange(140) // 12) % 2 == 0] = (38, 92, 196)
    assert read(photo(Image.fromarray(striped), "#b0b0b0"))[0] == "blue"


@pytest.mark.parametrize(("cluttered", "least"), [(0.0, 0.97), (1.0, 0.94)])
def test_sample_products_by_their_truth(cluttered, least):
    items = [product(5, index, cluttered) for index in range(90)]
    values = [read(Image.fromarray(draw(item, 96)[0])) for item in items]
    assert np.mean([colour == item.colour for (colour, _), item in zip(values, items, strict=True)]) >= least
    assert np.mean([background == item.background for (_, background), item in zip(values, items, strict=True)]) >= 0.9
    assert {background for _, background in values} <= set(BACKGROUNDS)


def test_the_product_is_where_its_mask_says():
    shares = []
    for item in (product(6, index) for index in range(48)):
        pixels, mask = draw(item, 64)
        shares.append(len(_product(_scene(to_lab(pixels)))) / max(1, (mask > 127).sum()))
    assert 0.8 < np.median(shares) < 1.2
