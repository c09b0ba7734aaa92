from functools import cache
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from ganray.profiles import content, reading


@pytest.fixture(autouse=True)
def without_extras(request, monkeypatch):
    """Reading and faces only where a test is marked slow: the others are to be the same wherever extras are installed, and fast."""
    if request.node.get_closest_marker("slow") is None:
        monkeypatch.setattr(reading, "is_there", lambda: False)
        monkeypatch.setattr(content, "can_find", lambda: False)


@pytest.fixture(scope="session")
def shot():
    """`shot(side, fill, ground, ...)`: the bytes of a picture of a dark box, its longer side `fill` of the frame, before a colour."""

    @cache
    def make(side=600, fill=0.9, ground=(255, 255, 255), format="JPEG", width=None, mode="RGB", **options):
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


@pytest.fixture
def goods():
    """`goods(colour, box, ...)`: a shaded oval product on white, uint8 [side, side, 3]; `box` as shares of the frame."""

    def make(colour=(40, 110, 190), box=(0.2, 0.1, 0.8, 0.9), side=400, on=None):
        y, x = np.mgrid[:side, :side] / side
        across, down = (x - (box[0] + box[2]) / 2) / (box[2] - box[0]) * 2, (y - (box[1] + box[3]) / 2) / (box[3] - box[1]) * 2
        radius = np.hypot(across, down)
        light = 1.15 - 0.45 * radius**2 + 0.1 * np.sin(40 * x + 25 * y)
        noise = np.random.default_rng(0).normal(0, 2, (side, side))
        product = np.clip(np.array(colour) * light[..., None] + noise[..., None], 0, 255)
        share = np.clip((1 - radius) * side * 0.2, 0, 1)[..., None]
        under = np.full((side, side, 3), 255.0) if on is None else on.astype(float)
        return np.rint(product * share + under * (1 - share)).astype(np.uint8)

    return make


@pytest.fixture
def jpeg():
    """`jpeg(pixels, quality)`: the pixels after a JPEG of that quality."""

    def through(pixels, quality=92):
        buffer = BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
        return np.asarray(Image.open(buffer).convert("RGB"))

    return through
