import numpy as np
import pytest

from ganray.edits.inpaint import InpaintParams, inpaint
from ganray.edits.photo import Photo
from ganray.errors import EditError
from tests.tools.edit_tools import Lent


class Brighter:
    """A network that makes the hole brighter."""

    size, halo = 128, 0

    def __call__(self, x):
        assert x.shape == (1, 4, 128, 128) and set(np.unique(x[:, 3])) <= {0.0, 1.0}
        return x[:, :3] + 0.4 * x[:, 3:]


def ramp(height=90, width=140):
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([40 + x, 60 + y, 200 - x // 2], -1).astype(np.uint8)


def checks(height=96, width=144, period=12):
    y, x = np.mgrid[0:height, 0:width]
    light = 90 + 60 * (x % period < period // 2) + 60 * (y % period < period // 2)
    return np.stack([light, light // 2, 255 - light], -1).astype(np.uint8)


def spots(*boxes, size=(90, 140)):
    mask = np.zeros((*size, 3), np.uint8)
    for top, left, height, width in boxes:
        mask[top : top + height, left : left + width] = 255
    return mask


def filled(truth, mask, networks=None, **params):
    holed = np.where(mask > 0, np.uint8(0), truth)
    result = inpaint(Photo(holed), InpaintParams(**({"grow": 0} | params)), Lent(networks or {}, mask=mask))
    outside = mask[..., 0] == 0
    if not params:
        assert np.array_equal(result.pixels[outside], truth[outside])
    return result


@pytest.mark.parametrize("boxes", [[(30, 50, 20, 24)], [(0, 0, 12, 12), (70, 100, 20, 40), (40, 60, 5, 5)]])
def test_smooth_ground_is_filled_by_its_surface_and_nothing_else_changes(boxes):
    truth, mask = ramp(), spots(*boxes)
    hole = mask[..., 0] > 0
    result = filled(truth, mask)
    assert np.abs(result.pixels[hole].astype(int) - truth[hole]).max() <= 2
    assert result.facts["inpaint"] == "surface" and result.facts["inpaint_share"] == pytest.approx(hole.mean(), abs=1e-4)


@pytest.mark.parametrize("boxes", [[(40, 60, 24, 30)], [(0, 0, 20, 30)], [(60, 100, 36, 44)], [(10, 20, 14, 14), (50, 90, 20, 20)]])
def test_patterned_cloth_goes_on(boxes):
    truth, mask = checks(), spots(*boxes, size=(96, 144))
    hole = mask[..., 0] > 0
    result = filled(truth, mask)
    error = np.abs(result.pixels[hole].astype(int) - truth[hole]).mean()
    assert error < 8 and result.facts["inpaint"] == "exemplar"  # a grey haze is off by 20


@pytest.mark.parametrize("mask", [spots((45, 70, 1, 1)), spots((10, 0, 2, 140)), spots((89, 139, 1, 1))])
def test_scratches_and_single_pixels_take_what_is_beside_them(mask):
    rng = np.random.default_rng(0)
    truth = np.clip(ramp() + rng.normal(0, 6, (90, 140, 3)), 0, 255).astype(np.uint8)
    result = filled(truth, mask)
    hole = mask[..., 0] > 0
    assert result.facts["inpaint"] == "diffusion"
    assert np.abs(result.pixels[hole].astype(int) - ramp()[hole]).mean() < 8


@pytest.mark.parametrize("ground", [255, 236])
def test_plain_ground_stays_plain_where_a_hole_crosses_the_product(ground):
    truth = np.full((100, 140, 3), ground, np.uint8)
    truth[20:90, 45:95] = checks(70, 50)
    mask = spots((40, 30, 24, 40), (5, 80, 40, 50), (92, 0, 8, 30), size=(100, 140))
    result = filled(truth, mask).pixels
    hole = mask[..., 0] > 0
    was_ground = hole & (truth == ground).all(2)
    off = np.abs(result.astype(int) - truth).max(2) > 6
    assert off[was_ground].mean() < 0.02
    assert (result[hole & ~was_ground] != ground).any(1).mean() > 0.9


def test_the_network_leads_the_search():
    truth, mask = np.full((96, 144, 3), 60, np.uint8), spots((30, 50, 36, 44), size=(96, 144))
    truth[:, 72:] = 180
    truth = np.clip(truth + np.random.default_rng(0).normal(0, 14, truth.shape), 0, 255).astype(np.uint8)
    plain = filled(truth, mask)
    result = filled(truth, mask, {"inpaint": Brighter()})
    hole = mask[..., 0] > 0
    assert plain.facts["inpaint"] == "exemplar" and result.facts["inpaint"] == "learned"
    assert result.pixels[hole].mean() > plain.pixels[hole].mean() + 5
    flat = filled(np.full((96, 144, 3), 100, np.uint8), mask, {"inpaint": Brighter()})
    assert (flat.pixels == 100).all() and flat.facts["inpaint"] == "surface"


def test_grain_is_copied():
    truth = np.clip(190 + np.random.default_rng(0).normal(0, 5, (90, 90, 3)), 0, 255).astype(np.uint8)
    mask = spots((30, 30, 30, 30), size=(90, 90))
    assert 3 < filled(truth, mask).pixels[35:55, 35:55].std() < 7


def test_a_photo_is_filled_the_same_way_twice():
    truth = np.random.default_rng(3).integers(0, 256, (80, 90, 3)).astype(np.uint8)
    mask = spots((20, 30, 20, 20), size=(80, 90))
    assert np.array_equal(filled(truth, mask).pixels, filled(truth, mask).pixels)


def test_a_mask_that_leaves_little_is_filled_all_the_same():
    truth, mask = checks(60, 60), spots((3, 3, 54, 54), size=(60, 60))
    result = filled(truth, mask).pixels[3:57, 3:57]
    assert truth.min() <= result.min() and result.max() <= truth.max()


@pytest.mark.parametrize("size", [(1, 40), (5, 5), (300, 6)])
def test_tiny_and_narrow_pictures(size):
    truth = np.random.default_rng(0).integers(100, 140, (*size, 3)).astype(np.uint8)
    mask = spots((0, 0, max(1, size[0] // 2), max(1, size[1] // 2)), size=size)
    assert filled(truth, mask).pixels[mask[..., 0] > 0].min() >= 90


@pytest.mark.long
def test_a_photo_of_24_megapixels_takes_seconds():
    import time

    side = 4900
    y, x = np.ogrid[0:side, 0:side]
    light = (120 + 60 * ((x // 90 + y // 70) % 2) + (x * 7 + y * 13) % 11).astype(np.uint8)
    truth = np.repeat(light[..., None], 3, 2)
    mask = spots((1500, 1500, 1100, 1100), size=(side, side))
    begin = time.process_time()
    result = filled(truth, mask).pixels
    assert time.process_time() - begin < 30
    assert np.abs(np.diff(result[1600:2500, 1600:2500, 0].astype(int), axis=1)).mean() > 4


def test_a_mask_grows_by_what_is_asked_for():
    mask = spots((30, 50, 10, 10))
    black = np.zeros((90, 140, 3), np.uint8)
    black[25:45, 45:65] = 255  # the stain, wider than its mask
    result = inpaint(Photo(black), InpaintParams(grow=6), Lent(mask=mask)).pixels
    assert (result < 40).all()


def test_an_alpha_can_be_the_mask():
    alpha = spots((30, 50, 10, 10))[..., 0] / np.float32(255)
    result = inpaint(Photo(ramp()), InpaintParams(), Lent(mask=(np.zeros((90, 140, 3), np.uint8), alpha)))
    assert result.facts["inpaint_share"] > 0.007


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (spots((0, 0, 5, 5), size=(40, 40)), "the mask has 40x40 pixels, the photo 140x90"),
        (spots(), "the mask is empty"),
        (spots((0, 0, 90, 140)), "the mask covers 100 %"),
    ],
)
def test_masks_that_cannot_be(mask, words):
    with pytest.raises(EditError, match=words) as raised:
        inpaint(Photo(ramp()), InpaintParams(), Lent(mask=mask))
    assert raised.value.reason == "mask"
