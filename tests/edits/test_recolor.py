from __future__ import annotations

import numpy as np
import pytest

from ganray.catalog.sample import draw, product
from ganray.edits import EDITS, apply_chain, parse_chain
from ganray.edits.palette import COLOURS, hex_of, rgb_of
from ganray.edits.photo import Photo
from ganray.edits.recolor import RecolorParams, Shift, _curve, dominant_colour, likeness, recolor
from ganray.errors import EditError, RequestError
from ganray.images.lab import to_lab
from ganray.metrics.paired import delta_e_2000, ssim_lightness


class Tools:
    """No networks; pictures as they are given."""

    def __init__(self, **pictures) -> None:
        self.pictures = pictures

    def network(self, task):
        return None

    def picture(self, name):
        return self.pictures[name]

    def rng(self):
        return np.random.default_rng(0)


def photo_of(index: int, cluttered: float = 1.0, side: int = 128) -> Photo:
    """A sample product with its true matte."""
    pixels, mask = draw(product(3, index, cluttered), side)
    return Photo(pixels, matte=mask.astype(np.float32) / 255)


def difference(photo: Photo, colour: str) -> float:
    return float(np.median(delta_e_2000(to_lab(photo.pixels[photo.matte >= 0.95]), to_lab(rgb_of(colour)))))


@pytest.fixture(scope="module")
def results():
    names = ["navy", "red", "white", "black", "seagreen", "mustard", "pink", "teal", "burgundy", "grey"]
    plain = [index for index in range(60) if product(3, index).pattern == "plain"]
    photos = [photo_of(index) for index in plain]
    return [(photo, recolor(photo, RecolorParams(colour=names[i % 10]), Tools()), names[i % 10]) for i, photo in enumerate(photos)]


def test_the_product_becomes_the_colour(results):
    differences = [difference(after, colour) for _, after, colour in results]
    assert np.median(differences) <= 5
    assert np.median([difference(before, colour) for before, _, colour in results]) > 25
    assert [after.facts["delta_e"] for _, after, _ in results] == pytest.approx(differences, abs=0.3)


def test_outside_the_matte_no_bit_changes(results):
    for before, after, _ in results:
        np.testing.assert_array_equal(after.pixels[before.matte == 0], before.pixels[before.matte == 0])
        assert (after.pixels != before.pixels).any()


def test_texture_is_kept(results):
    assert np.median([ssim_lightness(before.pixels, after.pixels, before.matte > 0.5) for before, after, _ in results]) > 0.93
    kept = [recolor(before, RecolorParams(colour=colour, lightness=0), Tools()) for before, _, colour in results[:10]]
    assert np.median([ssim_lightness(before.pixels, after.pixels) for (before, *_), after in zip(results, kept, strict=False)]) > 0.99


def test_black_becomes_white_and_white_black():
    pixels = np.full((80, 80, 3), 235, np.uint8)
    folds = (28 + 6 * np.sin(np.arange(50) / 4)).astype(np.uint8)
    pixels[15:65, 15:65] = folds[None, :, None]
    white = recolor(Photo(pixels), RecolorParams(colour="white"), Tools())
    assert difference(white, "white") < 5
    inner = white.pixels[30, 20:60].astype(int)
    assert np.ptp(inner) > 5, "the folds are still there"
    black = recolor(Photo(white.pixels, matte=white.matte), RecolorParams(colour="black"), Tools())
    assert difference(black, "black") < 5


def test_a_print_of_another_hue_stays():
    pixels = np.full((100, 100, 3), 240, np.uint8)
    pixels[10:90, 10:90] = (180, 20, 30)
    pixels[40:60, 40:60] = (30, 60, 200)
    pixels[70:80, 40:60] = 245
    matte = np.zeros((100, 100), np.float32)
    matte[10:90, 10:90] = 1
    after = recolor(Photo(pixels, matte=matte), RecolorParams(colour="seagreen"), Tools())
    np.testing.assert_array_equal(after.pixels[42:58, 42:58], pixels[42:58, 42:58])
    np.testing.assert_array_equal(after.pixels[72:78, 42:58], pixels[72:78, 42:58])
    assert np.abs(after.pixels[20, 20].astype(int) - rgb_of("seagreen")).max() <= 3


def test_mixed_pixels_keep_their_background():
    """An edge of half product, half background has half of the new colour, and a matte that is too wide leaves the background alone."""
    pixels = np.full((60, 60, 3), 235, np.uint8)
    pixels[20:40, 20:40] = 20
    pixels[20:40, 40] = 128
    matte = np.zeros((60, 60), np.float32)
    matte[20:40, 20:40], matte[20:40, 40:43] = 1, 0.5
    after = recolor(Photo(pixels, matte=matte), RecolorParams(colour="pink"), Tools())
    assert after.pixels[30, 40].min() > 160
    assert np.abs(after.pixels[30, 42].astype(int) - 235).max() <= 45
    assert after.pixels[30, 42].max() <= 255 and after.pixels[30, 42].min() >= after.pixels[30, 30].min()


def test_by_reference_with_and_without_alpha():
    photo, target = photo_of(4), (200, 160, 30)
    shirt = np.full((64, 64, 3), 250, np.uint8)
    shirt[16:48, 16:48] = target
    alpha = np.zeros((64, 64), np.float32)
    alpha[16:48, 16:48] = 1
    swatch = np.full((40, 40, 3), target, np.uint8)
    tools = Tools(cut=(shirt, alpha), packshot=(shirt, None), swatch=(swatch, None))
    made = [recolor(photo, RecolorParams(reference=name), tools) for name in tools.pictures]
    assert {result.facts["colour"] for result in made} == {"#c8a01e"}
    # The target is found among other numbers of pixels, where Lab may round differently: half a level at most goes the other way.
    assert np.abs(made[0].pixels.astype(int) - made[2].pixels).max() <= 1


def test_dominant_colour_is_no_mean():
    lab = to_lab(np.array([[180, 20, 30]] * 60 + [[20, 60, 200]] * 40, np.uint8))
    np.testing.assert_allclose(dominant_colour(lab), lab[0], atol=0.1)
    like = likeness(lab, lab[0])
    assert like[0] == 1 and like[-1] == 0


@pytest.mark.parametrize(("start", "end"), [(15.0, 96.0), (92.0, 5.0), (50.0, 55.0), (3.0, 60.0)])
def test_lightness_moves_monotonously(start, end):
    lightness = np.linspace(0, 100, 401, dtype=np.float32)
    grey = [np.array([value, 0, 0], np.float32) for value in (start, end)]
    moved = _curve(lightness, Shift(*grey, max(0, start - 15), min(100, start + 15)))
    assert (np.diff(moved) >= -1e-4).all()
    assert moved.min() >= 0 and moved.max() <= 100
    assert np.interp(start, lightness, moved) == pytest.approx(end, abs=0.3)


def test_equal_bytes_and_through_the_chain():
    photo = photo_of(2)
    steps = parse_chain(["recolor: dark green"])
    one, other = apply_chain(photo, steps, Tools()), apply_chain(photo, steps, Tools())
    assert one.pixels.tobytes() == other.pixels.tobytes()
    assert one.edits == ("recolor",) and EDITS["recolor"].source_type in one.source_types


@pytest.mark.parametrize("given", [{}, {"colour": "red", "reference": "a"}, {"colour": "blurple"}, {"colour": "#12345"}])
def test_what_is_no_colour_is_refused(given):
    with pytest.raises(RequestError, match="recolor"):
        parse_chain([{"recolor": given}])


def test_names_of_colours():
    assert len(COLOURS) >= 40
    assert hex_of("Dark Green") == "#006400" and hex_of("light-gray") == "#d3d3d3" and hex_of("#AABBCC") == "#aabbcc"
    assert all(hex_of(value) == value for value in COLOURS.values())


def test_nothing_to_recolour():
    with pytest.raises(EditError) as caught:
        recolor(Photo(np.full((64, 64, 3), 255, np.uint8)), RecolorParams(colour="red"), Tools())
    assert caught.value.reason == "no_product"
    faint = Photo(np.full((64, 64, 3), 200, np.uint8), matte=np.full((64, 64), 0.4, np.float32))
    with pytest.raises(EditError, match="0 pixels"):
        recolor(faint, RecolorParams(colour="red"), Tools())
