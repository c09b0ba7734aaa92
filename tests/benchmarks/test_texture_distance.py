import numpy as np
import pytest

from ganray.benchmarks.texture_distance import texture_distance


def test_a_haze_is_farther_from_texture_than_texture_a_few_pixels_beside():
    rng = np.random.default_rng(0)
    cloth = np.repeat(rng.integers(60, 200, (80, 80)).astype(np.uint8)[..., None], 3, 2)
    mask = np.zeros((80, 80), bool)
    mask[20:60, 20:60] = True
    haze, moved = (np.where(mask[..., None], fill, cloth).astype(np.uint8) for fill in (cloth.mean(), np.roll(cloth, 3, 1)))
    assert texture_distance(cloth, cloth, mask) == 0
    assert 2 * texture_distance(moved, cloth, mask) < texture_distance(haze, cloth, mask) < 1
    with pytest.raises(ValueError, match="the mask is empty"):
        texture_distance(cloth, cloth, ~mask & mask)
