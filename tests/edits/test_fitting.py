import numpy as np
import pytest

from ganray.edits.fitting import LEAST_QUALITY, encode_to_fit
from ganray.edits.photo import Output
from ganray.errors import EditError
from ganray.images.codec import decode_prepared, encode


@pytest.fixture
def noise():
    pixels = np.full((400, 400, 3), 255, np.uint8)
    pixels[100:300, 100:300] = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    return pixels


def test_quality_falls_as_little_as_is_needed(noise):
    free, first = encode_to_fit(noise, Output("jpeg"))
    assert first == 92
    limit = len(free) * 2 // 3
    data, quality = encode_to_fit(noise, Output("jpeg", max_bytes=limit))
    assert LEAST_QUALITY <= quality < 92 and len(data) <= limit
    assert len(encode(noise, "jpeg", quality=quality + 1)) > limit


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif"])
def test_too_few_bytes_for_any_quality(noise, format):
    with pytest.raises(EditError, match=r"shop allows 1,000") as caught:
        encode_to_fit(noise, Output(format, max_bytes=1000, profile="shop"))
    assert caught.value.reason == "profile"


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif"])
def test_the_background_is_exact_far_from_the_product(noise, format):
    data, _ = encode_to_fit(noise, Output(format, ground=(255, 255, 255)))
    pixels = decode_prepared(data)
    assert (pixels[:80] == 255).all() and (pixels[:, 320:] == 255).all()


def test_a_codec_that_does_not_keep_white_is_refused(noise):
    with pytest.raises(EditError, match="does not keep the background.*Ask for jpeg or png"):
        encode_to_fit(
            noise, Output("jpeg", ground=(255, 255, 255)), lambda pixels, format, quality: encode(pixels - (pixels == 255), "png")
        )


def test_the_encoder_is_the_callers(noise):
    attempts = []

    def encoder(pixels, format, quality):
        attempts.append((format, quality))
        return encode(pixels, format, quality=quality)

    encode_to_fit(noise, Output("jpeg", quality=80), encoder)
    assert attempts == [("jpeg", 80)]
