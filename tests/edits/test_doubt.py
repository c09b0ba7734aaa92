import numpy as np
import pytest

from ganray.bulk.doubt import DOUBTFUL, REFUSED
from ganray.edits.border import plain_ground
from ganray.edits.doubt import SETTLED, matte_doubt

PRODUCT = np.zeros((320, 320), np.float32)
PRODUCT[100:220, 100:220] = 1


def with_part(value, height=60):
    """The product, and a part beside it with another value."""
    view = PRODUCT.copy()
    view[100 : 100 + height, 230:290] = value
    return view


def test_views_that_agree_leave_no_doubt():
    assert matte_doubt(PRODUCT, [PRODUCT, PRODUCT], None) == 0


@pytest.mark.parametrize("value", [0.3, 0.5, 0.7])
def test_what_neither_network_nor_colours_settle_is_far_more_doubtful_than_what_colours_settle(value):
    open_to_both = matte_doubt(with_part(value, 20), [PRODUCT, with_part(value, 20)], None)
    settled = matte_doubt(PRODUCT, [PRODUCT, with_part(value)], None)
    share = 60 * 60 / PRODUCT.sum()
    assert settled == pytest.approx(SETTLED * share, rel=0.25) and open_to_both > REFUSED > DOUBTFUL > settled
    assert matte_doubt(with_part(value, 3), [PRODUCT, with_part(value, 3)], None) == 0  # as thin as an edge
    assert matte_doubt(PRODUCT, [PRODUCT, with_part(0.1)], None) == matte_doubt(PRODUCT, [PRODUCT, with_part(0.9)], None) == 0


def test_what_a_nearer_view_no_longer_sees_is_doubtful():
    assert matte_doubt(PRODUCT, [with_part(0.95), PRODUCT], None) > DOUBTFUL


def test_what_stands_out_from_a_plain_ground_and_was_left_out_is_doubtful():
    pixels = np.full((320, 320, 3), 200, np.uint8)
    pixels[100:220, 100:220] = (40, 60, 160)
    pixels[20:100, 130:190] = (214, 160, 122)  # a head
    doubt = matte_doubt(PRODUCT, [PRODUCT, PRODUCT], plain_ground(pixels))
    assert doubt == pytest.approx(80 * 60 / 120**2, rel=0.25) and doubt > REFUSED > DOUBTFUL
    pixels[20:100, 130:190] = 200
    assert matte_doubt(PRODUCT, [PRODUCT, PRODUCT], plain_ground(pixels)) == 0
