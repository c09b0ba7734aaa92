import io

import numpy as np
import pytest
from PIL import Image

from ganray.images.jpeg_steps import BLOCK, CHROMA, LUMA, cosines, steps


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 80, 95, 100])
def test_they_are_those_of_a_file(quality):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", quality=quality)
    tables = Image.open(buffer).quantization
    for number, table in enumerate((LUMA, CHROMA)):
        assert steps(table, quality).ravel().tolist() == [float(value) for value in tables[number]]


def test_the_transform_is_orthonormal():
    assert np.allclose(cosines() @ cosines().T, np.eye(BLOCK), atol=1e-6)
    assert np.allclose(cosines()[0], 1 / np.sqrt(8))
