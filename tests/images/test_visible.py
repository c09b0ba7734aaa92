import numpy as np
import pytest

from ganray.errors import ConfigError
from ganray.images.visible import SHARE, Stamp, plate, stamped


@pytest.mark.parametrize("side", [32, 64, 256, 1000])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_it_is_black_on_white_in_the_corner_and_high_enough(side, level):
    image = np.full((side, side, 3), level, np.uint8)
    made = stamped(image, Stamp("AI"))
    assert made.shape == image.shape
    corner = made[side // 2 :, side // 2 :]
    dark = np.flatnonzero((corner < 100).all(2).any(1)) if level else np.flatnonzero(((corner < 100).all(2) & ~(corner == 0).all(2)).any(1))
    if level:
        assert len(dark) >= SHARE * side - 1  # rows with ink: a capital letter's height
    assert (corner == 255).all(2).any()
    assert np.array_equal(made[: side // 2], image[: side // 2])
    assert np.array_equal(made, stamped(image, Stamp("AI")))


def test_a_font_without_the_letter_is_an_error_that_names_it():
    Stamp("AI made").check()
    with pytest.raises(ConfigError, match=r"label.visible 'AI生成': the font has no '生'. Name one that has it with --label.font"):
        Stamp("AI生成").check()
    with pytest.raises(ConfigError, match="label.font: not a font"):
        Stamp("AI", b"no font").check()


def test_digests_tell_texts_and_fonts_apart():
    assert len({Stamp("AI").digest, Stamp("AI!").digest, Stamp("AI", b"x").digest}) == 3


@pytest.mark.parametrize("size", [(40, 60), (300, 200)])
def test_a_plate_is_what_a_stamp_covers(size):
    pixels = np.full((*size, 3), 90, np.uint8)
    stamp = Stamp("AI")
    covered = np.zeros(size, bool)
    covered[plate(size, stamp)] = True
    assert np.array_equal((stamped(pixels, stamp) != pixels).any(2), covered)
