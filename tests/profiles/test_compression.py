from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from ganray.profiles.compression import by_tables, coefficient_step, compression
from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY


def tables(quality):
    buffer = BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "JPEG", quality=quality)
    return [list(table) for table in Image.open(buffer).quantization.values()]


@pytest.mark.parametrize(("quality", "strength"), [(10, CERTAIN), (25, CERTAIN), (40, LIKELY), (70, CLEAR), (100, CLEAR)])
def test_the_tables_tell_the_quality(quality, strength):
    assert by_tables(tables(quality)).strength == strength


@pytest.fixture
def cloth():
    """Something with detail of every size, uint8 [320, 320, 3]."""
    rng = np.random.default_rng(0)
    layers = [np.asarray(Image.fromarray(rng.normal(0, 1, (n, n)).astype(np.float32)).resize((320, 320))) for n in (10, 40, 160)]
    return (
        np.clip(128 + sum(18 * layer for layer in layers)[..., None] + rng.normal(0, 3, (320, 320, 1)), 0, 255)
        .repeat(3, 2)
        .astype(np.uint8)
    )


def test_what_an_earlier_jpeg_left_is_seen_in_a_later_file(cloth, jpeg):
    assert compression(jpeg(cloth, 10), []).strength == CERTAIN
    assert compression(jpeg(jpeg(cloth, 10), 92), tables(92)).strength == CERTAIN
    assert compression(cloth, []).strength == compression(jpeg(cloth, 75), tables(75)).strength == CLEAR


def test_the_step_of_coefficients_is_that_of_the_tables(cloth, jpeg):
    luma = jpeg(cloth, 20).astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    assert coefficient_step(luma) == pytest.approx(27, abs=4)


def test_a_line_on_the_grid_of_blocks_is_no_block(goods):
    pixels = goods()
    pixels[:, 8:16] = (200, 30, 30)
    assert compression(pixels, []).strength == CLEAR
    assert compression(np.full((9, 9, 3), 255, np.uint8), []).strength == CLEAR
