import numpy as np
import pytest

from ganray.edits.mask import read_mask
from ganray.edits.photo import Photo
from ganray.errors import EditError

PHOTO = Photo(np.zeros((4, 6, 3), np.uint8))


class Pictures:
    def __init__(self, pixels, alpha=None) -> None:
        self.given = pixels, alpha

    def picture(self, name):
        assert name == "m"
        return self.given


def test_white_is_meant_and_grey_is_a_share():
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[1, 2], pixels[2, 3] = 255, (0, 51, 0)
    share = read_mask(PHOTO, "m", Pictures(pixels))
    assert share[1, 2] == 1 and share[2, 3] == pytest.approx(0.2) and share.sum() == pytest.approx(1.2)


def test_alpha_counts_where_there_is_some():
    alpha = np.zeros((4, 6), np.float32)
    alpha[0, 0] = 0.75
    pixels = np.full((4, 6, 3), 255, np.uint8)
    np.testing.assert_array_equal(read_mask(PHOTO, "m", Pictures(pixels, alpha)), alpha)
    assert read_mask(PHOTO, "m", Pictures(pixels, np.ones((4, 6), np.float32))).min() == 1


@pytest.mark.parametrize(("shape", "words"), [((4, 6, 3), "the mask is empty"), ((6, 4, 3), "the mask has 4x6 pixels, the photo 6x4")])
def test_what_is_no_mask(shape, words):
    with pytest.raises(EditError, match=words) as caught:
        read_mask(PHOTO, "m", Pictures(np.zeros(shape, np.uint8)))
    assert caught.value.reason == "mask"
