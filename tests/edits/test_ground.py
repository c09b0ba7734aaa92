import numpy as np
import pytest

from ganray.catalog.sample import draw, product
from ganray.edits import apply_chain, parse_chain
from ganray.edits.photo import Photo
from ganray.errors import EditError, RequestError
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


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("side", [300, 1500])
def test_thin_things_cast_a_shadow(width, side):
    matte = np.zeros((side, side), np.float32)
    matte[20 : side - 60, side // 2 : side // 2 + width] = 1
    result = done(Photo(np.full((side, side, 3), 70, np.uint8), matte=matte), {"background": {"shadow": 0.5}})
    assert result.pixels[side - 62 : side - 40].min() < 250
    assert (result.pixels[:10] == 255).all()


@pytest.mark.parametrize("chain", ["white", {"background": "#464646"}])
def test_a_blank_picture_is_no_result(chain):
    """White on white, grey on the same grey."""
    level = 255 if chain == "white" else 0x46
    matte = np.zeros((60, 60), np.float32)
    matte[20:40, 20:40] = 1
    with pytest.raises(EditError, match="does not differ from the new background") as raised:
        done(Photo(np.full((60, 60, 3), level, np.uint8), matte=matte), chain)
    assert raised.value.reason == "no_product"
