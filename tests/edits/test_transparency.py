"""Which alpha channels cut out a product, and what the colours under the others are."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ganray.edits.transparency import bled, flattened, is_blank, is_cutout, on_white, opened
from ganray.errors import EditError

SIDE = 200
GREEN = np.full((SIDE, SIDE, 3), (90, 130, 70), np.uint8)


def drawn(draw, side=SIDE, level=255, start=0):
    image = Image.new("L", (side, side), start)
    draw(ImageDraw.Draw(image), level)
    return np.array(image)


def filled(level):
    return np.full((SIDE, SIDE), level, np.uint8)


def noisy():
    return np.random.default_rng(0).integers(249, 256, (SIDE, SIDE)).astype(np.uint8)


def strip(rows, columns):
    alpha = filled(255)
    alpha[rows, columns] = 0
    return alpha


NO_CUTOUTS = {
    "a constant 254": filled(254),
    "a constant 40": filled(40),
    "noise near opaque": noisy(),
    "rounded corners": drawn(lambda pen, level: pen.rounded_rectangle((0, 0, SIDE - 1, SIDE - 1), 30, fill=level)),
    "a thin clear frame": drawn(lambda pen, level: pen.rectangle((3, 3, SIDE - 4, SIDE - 4), fill=level)),
    "a stray row": strip(slice(0, 1), slice(None)),
    "a stray column": strip(slice(None), slice(SIDE - 2, None)),
    "a canvas that is too wide": strip(slice(None), slice(SIDE - 40, None)),
}
CUTOUTS = {
    "a disc": drawn(lambda pen, level: pen.ellipse((30, 30, 170, 170), fill=level)),
    "a disc that touches the sides": drawn(lambda pen, level: pen.ellipse((0, 0, SIDE - 1, SIDE - 1), fill=level)),
    "a ring": drawn(lambda pen, level: pen.ellipse((30, 30, 170, 170), outline=level, width=14)),
    "glass": drawn(lambda pen, level: pen.rectangle((60, 20, 140, 180), fill=level), level=90),
    "a needle": drawn(lambda pen, level: pen.line((100, 10, 100, 190), fill=level)),
    "a pair": drawn(lambda pen, level: [pen.ellipse((left, 60, left + 70, 140), fill=level) for left in (15, 115)]),
}


@pytest.mark.parametrize("name", NO_CUTOUTS)
def test_alpha_that_cuts_out_nothing_is_no_matte(name):
    alpha = NO_CUTOUTS[name]
    assert not is_cutout(alpha)
    photo = opened(GREEN, alpha.astype(np.float32) / 255)
    assert photo.matte is None and not photo.straight
    assert np.array_equal(photo.pixels, GREEN), "the colours under the alpha are those beside it"


@pytest.mark.parametrize("name", CUTOUTS)
def test_a_product_that_is_cut_out_keeps_its_matte(name):
    alpha = CUTOUTS[name].astype(np.float32) / 255
    photo = opened(GREEN, alpha)
    assert is_cutout(CUTOUTS[name]) and photo.straight
    assert np.array_equal(photo.matte, alpha) and np.array_equal(photo.alpha, alpha)


@pytest.mark.parametrize("alpha", [filled(0), strip(slice(None), slice(None))], ids=["zero", "cleared"])
def test_a_picture_that_is_wholly_transparent_has_no_product(alpha):
    assert is_blank(alpha)
    with pytest.raises(EditError, match="wholly transparent") as raised:
        opened(GREEN, alpha.astype(np.float32))
    assert raised.value.reason == "no_product"


def test_a_speck_is_no_product_and_a_thin_line_is_one():
    assert is_blank(drawn(lambda pen, level: pen.rectangle((50, 50, 51, 51), fill=level)))
    assert not is_blank(CUTOUTS["a needle"])


def test_an_opaque_alpha_says_that_all_is_product():
    photo = opened(GREEN, np.ones((SIDE, SIDE), np.float32))
    assert photo.matte is not None and photo.matte.min() == 1


def test_colours_go_on_under_what_is_hidden():
    known = np.zeros((6, 8), bool)
    known[2, 3:5] = True
    pixels = np.zeros((6, 8, 3), np.uint8)
    pixels[2, 3], pixels[2, 4] = (10, 20, 30), (40, 50, 60)
    filled = bled(pixels, known)
    assert (filled[:, :4] == (10, 20, 30)).all() and (filled[:, 4:] == (40, 50, 60)).all()
    near = bled(pixels, known, reach=1)
    assert (near[2, 2] == (10, 20, 30)).all() and (near[2, 1] == 255).all() and (near[1, 3] == (10, 20, 30)).all()


def test_on_white_is_what_a_browser_shows():
    alpha = np.linspace(0, 1, SIDE, dtype=np.float32)[None].repeat(SIDE, 0)
    flat = on_white(GREEN, alpha)
    expected = GREEN * alpha[..., None] + 255 * (1 - alpha[..., None])
    assert np.abs(flat - expected).max() <= 1
    assert on_white(GREEN, None) is GREEN
    photo = flattened(opened(GREEN, CUTOUTS["a disc"].astype(np.float32) / 255))
    assert photo.alpha is None and (photo.pixels[0, 0] == 255).all()
