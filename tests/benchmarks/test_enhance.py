import numpy as np
import pytest

from ganray.benchmarks import enhance
from ganray.catalog.sample import draw, product


@pytest.mark.parametrize("damage", enhance.DAMAGES)
def test_each_damage_is_one_and_keeps_the_shape(damage):
    pixels = draw(product(1, 0, cluttered=1.0), 96)[0]
    damaged = enhance.DAMAGES[damage](pixels)
    assert damaged.shape == pixels.shape and damaged.dtype == np.uint8 and not np.array_equal(damaged, pixels)
    assert np.array_equal(damaged, enhance.DAMAGES[damage](pixels))


def test_enhance_clips_little(edit_config, check_row):
    rows = enhance.measure(edit_config)
    check_row(rows, "dB")
    assert rows[1]["value"] >= rows[1]["at_least"] == 0.0
    assert rows[2]["value"] <= rows[2]["at_most"] == 0.01
    assert all(damage in rows[0] for damage in enhance.DAMAGES)
