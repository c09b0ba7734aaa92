import numpy as np
import pytest

from ganray.edits.inpaint import InpaintParams, inpaint
from ganray.edits.photo import Photo
from ganray.errors import EditError
from tests.tools.edit_tools import Lent


def ramp(height=90, width=140):
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([40 + x, 60 + y, 200 - x // 2], -1).astype(np.uint8)


def spots(*boxes, size=(90, 140)):
    mask = np.zeros((*size, 3), np.uint8)
    for top, left, height, width in boxes:
        mask[top : top + height, left : left + width] = 255
    return mask


@pytest.mark.parametrize("boxes", [[(30, 50, 20, 24)], [(0, 0, 12, 12), (70, 100, 20, 40), (40, 60, 5, 5)]])
def test_spots_are_filled_from_around_and_nothing_else_changes(boxes):
    truth, mask = ramp(), spots(*boxes)
    hole = mask[..., 0] > 0
    holed = np.where(mask > 0, np.uint8(0), truth)
    result = inpaint(Photo(holed), InpaintParams(grow=0), Lent(mask=mask))
    assert np.array_equal(result.pixels[~hole], truth[~hole])
    assert np.abs(result.pixels[hole].astype(int) - truth[hole]).mean() < 8
    assert result.facts["inpaint"] == "diffusion" and result.facts["inpaint_share"] == pytest.approx(hole.mean(), abs=1e-4)


def test_the_network_corrects_and_is_joined_without_a_step():
    class Brighter:
        size, halo = 128, 0

        def __call__(self, x):
            assert x.shape == (1, 4, 128, 128) and set(np.unique(x[:, 3])) <= {0.0, 1.0}
            return x[:, :3] + 0.4 * x[:, 3:]

    truth, mask = np.full((90, 140, 3), 100, np.uint8), spots((30, 50, 20, 24))
    plain = inpaint(Photo(truth), InpaintParams(grow=0), Lent(mask=mask)).pixels
    result = inpaint(Photo(truth), InpaintParams(grow=0), Lent({"inpaint": Brighter()}, mask=mask))
    assert (plain == 100).all() and result.facts["inpaint"] == "learned"
    assert result.pixels[40, 62].min() > 130


def test_a_mask_grows_by_what_is_asked_for():
    mask = spots((30, 50, 10, 10))
    black = np.zeros((90, 140, 3), np.uint8)
    black[25:45, 45:65] = 255  # the stain, wider than its mask
    filled = inpaint(Photo(black), InpaintParams(grow=6), Lent(mask=mask)).pixels
    assert (filled < 40).all()


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
