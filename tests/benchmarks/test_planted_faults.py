import numpy as np
import pytest

from ganray.benchmarks.clean_photos import clean_photos
from ganray.benchmarks.planted_faults import FAULTS


@pytest.fixture(scope="module")
def photos():
    return [pixels for _, pixels in clean_photos(2, 200)]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_the_photo_and_is_ever_the_same(photos, name):
    for seed in range(3):
        made, again = (FAULTS[name](*photos, np.random.default_rng(seed)) for _ in range(2))
        if isinstance(made, bytes):
            assert made == again and made.startswith(b"\xff\xd8")
        else:
            assert made.shape == photos[0].shape and not np.array_equal(made, photos[0]) and np.array_equal(made, again)
