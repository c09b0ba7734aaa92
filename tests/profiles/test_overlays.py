import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY, UNKNOWN
from ganray.profiles.foreground import foreground
from ganray.profiles.overlays import badge, text, watermark


def written(pixels, words="SALE 50% OFF", place=(20, 8), ink=(200, 20, 30), size=26):
    image = Image.fromarray(pixels)
    ImageDraw.Draw(image).text(place, words, ink, font=ImageFont.load_default(size))
    return np.asarray(image)


def plate(pixels, box, colour=(210, 20, 30), shape="ellipse"):
    image = Image.fromarray(pixels)
    getattr(ImageDraw.Draw(image), shape)(box, fill=colour)
    return np.asarray(image)


def test_letters_beside_the_product_are_text_and_on_it_are_a_print(goods, jpeg):
    assert text(foreground(jpeg(written(goods(box=(0.2, 0.2, 0.8, 0.95)))))).strength == CERTAIN
    assert text(foreground(jpeg(written(goods((30, 60, 120)), place=(130, 190), size=18, ink=(240, 240, 240))))).strength == CLEAR


def test_faint_letters_are_a_watermark(goods, jpeg):
    seen = foreground(jpeg(written(goods(box=(0.3, 0.2, 0.7, 0.9)), "© my shop 2026", (10, 30), (205, 205, 205))))
    assert watermark(seen).strength == CERTAIN and text(seen).strength == CLEAR


def test_a_row_of_goods_is_no_text(goods):
    row = goods((30, 30, 34), (0.02, 0.3, 0.14, 0.7))
    for number in range(1, 7):
        left = 0.02 + 0.14 * number
        row = goods((30, 30, 34), (left, 0.3, left + 0.12, 0.7), on=row)
    assert text(foreground(row)).strength == CLEAR


def test_letters_on_a_page_that_is_white_on_white_are_not_certain(goods):
    page = np.full((400, 400, 3), 255, np.uint8)
    page[20:220, 60:340] = 251
    page[220:380, 60:340] = (20, 30, 90)
    seen = foreground(written(page, "TRULY OPEN", (90, 60), (20, 30, 90), 36))
    assert text(seen).strength == LIKELY


@pytest.mark.parametrize(("box", "shape"), [((310, 10, 390, 90), "ellipse"), ((8, 340, 110, 390), "rectangle")])
def test_a_flat_plate_in_a_corner_is_a_badge(goods, jpeg, box, shape):
    pixels = plate(goods(box=(0.25, 0.15, 0.75, 0.9)), box, shape=shape)
    assert badge(foreground(jpeg(pixels))).strength == CERTAIN


def test_a_strip_is_a_badge_and_shaded_goods_are_none(goods):
    assert badge(foreground(plate(goods(box=(0.2, 0.1, 0.8, 0.8)), (0, 350, 399, 399), shape="rectangle"))).strength == CERTAIN
    assert badge(foreground(goods())).strength == CLEAR
    pair = goods((200, 30, 30), (0.75, 0.05, 0.95, 0.3), on=goods(box=(0.1, 0.3, 0.7, 0.9)))
    assert badge(foreground(pair)).strength == CLEAR


def test_a_flat_product_is_no_badge():
    alone = plate(np.full((400, 400, 3), 255, np.uint8), (40, 40, 360, 360), shape="rectangle")
    assert badge(foreground(alone)).strength == CLEAR


def test_on_a_scene_nothing_is_known():
    scene = np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    assert {rule(foreground(scene)).strength for rule in (text, watermark, badge)} == {UNKNOWN}
