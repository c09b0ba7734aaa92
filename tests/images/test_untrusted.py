import numpy as np
import pytest

from ganray.errors import ImageError
from ganray.images.codec import Limits, encode
from ganray.images.untrusted import SafeDecoder, decode_raw

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 31, 3), np.uint8)
ALPHA = np.random.default_rng(1).integers(0, 256, (20, 31), np.uint8)


@pytest.fixture(scope="module")
def safe():
    return SafeDecoder(1, Limits(max_pixels=10_000_000))


@pytest.mark.parametrize("data", [encode(PIXELS, "png"), encode(PIXELS, "webp", alpha=ALPHA), encode(PIXELS, "jpeg")])
def test_a_child_decodes_what_this_process_would(safe, data):
    here, there = decode_raw(data), safe(data)
    assert here.format == there.format
    np.testing.assert_array_equal(here.pixels, there.pixels)
    assert (here.alpha is None) == (there.alpha is None)
    if here.alpha is not None:
        np.testing.assert_array_equal(here.alpha, there.alpha)


def test_what_cannot_be_decoded_says_why_and_the_next_one_is(safe):
    with pytest.raises(ImageError) as caught:
        safe(encode(PIXELS, "jpeg")[:300])
    assert caught.value.reason == "truncated"
    with pytest.raises(ImageError) as caught:
        safe(encode(np.zeros((4000, 2501, 3), np.uint8), "png"))
    assert caught.value.reason == "too_many_pixels"
    assert safe(encode(PIXELS, "png")).pixels.shape == (20, 31, 3)
