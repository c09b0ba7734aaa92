import numpy as np
import pytest

from ganray.images.channels import all_of, any_of, largest, least, length, total


@pytest.mark.parametrize("shape", [(40, 50, 3), (700, 3), (3,), (0, 3)])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint8])
def test_they_are_numpys_own_to_the_bit(shape, kind):
    """Also of what lies otherwise in memory."""
    x = (np.random.default_rng(0).normal(0, 90, (*shape, 2)) % 251).astype(kind)
    for each in (np.ascontiguousarray(x[..., 0]), x[..., 1], x[..., 1][::-1] if len(shape) == 1 else x[..., 0].swapaxes(0, -2)):
        np.testing.assert_array_equal(largest(each), each.max(-1), strict=True)
        np.testing.assert_array_equal(least(each), each.min(-1), strict=True)
        np.testing.assert_array_equal(any_of(each > 120), (each > 120).any(-1), strict=True)
        np.testing.assert_array_equal(all_of(each > 60), (each > 60).all(-1), strict=True)
        if kind is not np.uint8:
            signed = each - kind(100)
            np.testing.assert_array_equal(total(signed), signed.sum(-1), strict=True)
            np.testing.assert_array_equal(length(signed), np.linalg.norm(signed, axis=-1), strict=True)
