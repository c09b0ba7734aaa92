from io import BytesIO

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def shot():
    """`shot(side, fill, ground, ...)`: the bytes of a picture of a dark box, its longer side `fill` of the frame, before a colour."""

    def make(side=1000, fill=0.9, ground=(255, 255, 255), format="JPEG", width=None, mode="RGB", **options):
        width = width or side
        pixels = np.empty((side, width, 3), np.uint8)
        pixels[:] = ground
        tall = round(side * fill)
        top, left = (side - tall) // 2, (width - tall // 2) // 2
        rng = np.random.default_rng(0)
        pixels[top : top + tall, left : left + tall // 2] = rng.integers(20, 120, (tall, tall // 2, 3), np.uint8)
        buffer = BytesIO()
        jpeg_options = {"quality": 92, "subsampling": 0} if format == "JPEG" else {}
        Image.fromarray(pixels).convert(mode).save(buffer, format, **(jpeg_options | options))
        return buffer.getvalue()

    return make
