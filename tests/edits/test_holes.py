"""Ground that a product encloses, and labels that only look like it."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ganray.edits.border import plain_ground
from ganray.edits.matting import with_matte
from ganray.edits.photo import Photo
from tests.tools.edit_tools import Lent

GREY, WHITE = (229, 229, 231), (255, 255, 255)


def picture(draw, ground, side=600, noise=1.0):
    image = Image.new("RGB", (side, side), ground)
    draw(ImageDraw.Draw(image))
    pixels = np.array(image) + np.random.default_rng(0).normal(0, noise, (side, side, 1))
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def ring(pen):
    pen.ellipse((120, 120, 480, 480), outline=(190, 150, 40), width=60)


def bag(pen):
    pen.arc((200, 60, 400, 420), 180, 360, fill=(90, 40, 20), width=16)
    pen.rounded_rectangle((180, 240, 420, 540), 20, fill=(120, 60, 30))


def chair(pen):
    for left in (180, 250, 320, 390):
        pen.rectangle((left, 120, left + 16, 330), fill=(90, 60, 30))
    for top in (110, 320):
        pen.rectangle((180, top, 406, top + 18), fill=(90, 60, 30))
    for left in (180, 390):
        pen.rectangle((left, 330, left + 16, 540), fill=(90, 60, 30))


def letter(pen):
    pen.polygon([(300, 90), (520, 520), (80, 520)], outline=(20, 20, 120), width=44)


HOLES = {ring: (300, 300), bag: (300, 180), chair: (225, 230), letter: (300, 380)}


@pytest.mark.parametrize("ground", [GREY, WHITE, (180, 190, 205)], ids=["grey", "white", "blue"])
@pytest.mark.parametrize("draw", HOLES, ids=lambda draw: draw.__name__)
def test_the_ground_shows_through_holes(draw, ground):
    photo = with_matte(Photo(picture(draw, ground)), Lent())
    x, y = HOLES[draw]
    assert photo.matte[y - 20 : y + 20, x - 15 : x + 15].max() == 0
    assert photo.matte.max() == 1


def label(pen):
    pen.rounded_rectangle((120, 60, 480, 540), 30, fill=(40, 60, 110))
    pen.rectangle((220, 180, 380, 330), fill=WHITE)


def eyes(pen):
    pen.ellipse((100, 100, 500, 500), fill=(150, 90, 40))
    for left in (200, 340):
        pen.ellipse((left, 220, left + 60, 280), fill=WHITE)


@pytest.mark.parametrize("draw", [label, eyes])
def test_a_white_label_on_white_ground_stays_product_and_the_row_says_what_may_be_ground(draw):
    photo = with_matte(Photo(picture(draw, WHITE)), Lent())
    inside = (slice(230, 270), slice(240, 250))
    assert photo.matte[inside].min() == 1
    assert photo.facts["enclosed_share"] > 0.001


def test_a_light_label_on_a_grey_ground_is_not_even_doubtful():
    photo = with_matte(Photo(picture(label, GREY)), Lent())
    assert photo.matte[230:270, 240:360].min() == 1
    assert "enclosed_share" not in photo.facts


def test_a_hole_in_shade_is_told():
    def draw(pen):
        ring(pen)
        pen.ellipse((181, 181, 419, 419), fill=(206, 206, 208))

    ground = plain_ground(picture(draw, GREY))
    assert not ground.enclosed.holes.any()
    assert ground.enclosed.share > 0.05
