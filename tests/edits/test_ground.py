import numpy as np
import pytest

from ganray.catalog.sample import draw, product
from ganray.edits import apply_chain, parse_chain
from ganray.edits.photo import Photo
from ganray.errors import RequestError
from tests.tools.edit_tools import Lent


@pytest.fixture(scope="module")
def photo():
    """A red mug on grey-blue, with its true matte."""
    pixels, mask = draw(product(3, 5), 160)
    share = mask[..., None] / 255
    mixed = np.rint(pixels * share + np.array([150, 160, 180]) * (1 - share)).astype(np.uint8)
    return Photo(mixed, matte=(mask / 255).astype(np.float32))


def done(photo, *chain, **pictures):
    return apply_chain(photo, parse_chain(chain), Lent(**pictures))


def test_white_is_white_and_the_product_is_itself(photo):
    result = done(photo, "white")
    assert (result.pixels[photo.matte == 0] == 255).all()
    assert np.array_equal(result.pixels[photo.matte == 1], photo.pixels[photo.matte == 1])
    assert result.edits == ("white",) and result.source_types == ()


def test_no_rim_of_the_old_background_is_left(photo):
    edge = (photo.matte > 0.2) & (photo.matte < 0.8)
    rest = done(photo, {"background": "#000000"}).pixels[edge].astype(int)
    own = photo.pixels[photo.matte == 1].mean(0)
    share = photo.matte[edge][:, None]
    assert np.abs(rest - own * share).mean() < np.abs(photo.pixels[edge] * share - own * share).mean()


def test_a_cutout_keeps_its_matte_for_the_file(photo):
    result = done(photo, "cutout")
    assert result.cut and result.matte is not None and not done(photo, "cutout", "white").cut


def test_backgrounds_of_a_colour_of_a_picture_and_with_a_shadow(photo):
    outside = photo.matte == 0
    assert (done(photo, "background:#AABBCC").pixels[outside] == [0xAA, 0xBB, 0xCC]).all()
    scene = np.zeros((40, 80, 3), np.uint8)
    scene[:, 20:60] = [10, 200, 30]
    result = done(photo, {"background": {"picture": "scene"}}, scene=scene)
    assert (np.abs(result.pixels[outside].astype(int) - [10, 200, 30]) <= 3).mean() > 0.95
    assert result.source_types == ("compositeWithTrainedAlgorithmicMedia",)
    shaded = done(photo, {"background": {"shadow": 1.0}}).pixels.astype(int)
    bottom = np.flatnonzero((photo.matte > 0.5).any(1))[-1]
    assert shaded[bottom + 2][photo.matte[bottom + 2] == 0].min() < 230 and (shaded[:10][photo.matte[:10] == 0] > 250).all()


def test_what_cannot_be_asked(photo):
    with pytest.raises(RequestError, match="#rrggbb"):
        done(photo, "background:red")
    with pytest.raises(RequestError, match="'scene' is not given"):
        done(photo, {"background": {"picture": "scene"}})
