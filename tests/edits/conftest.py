import numpy as np
import pytest
from PIL import Image, ImageDraw

from ganray.edits import Photo


class NoTools:
    """An engine without networks, pictures and chance."""

    def network(self, task):
        return None

    def picture(self, name):
        raise AssertionError(name)

    def rng(self):
        raise AssertionError


@pytest.fixture
def tools():
    return NoTools()


@pytest.fixture
def photo():
    """`photo(width, height, ground)`: a bottle of several colours before a plain ground; None: before clutter."""

    def make(width=900, height=1200, ground=(222, 214, 200), cut=False, clutter=False):
        image = Image.new("RGB", (width, height), ground)
        mask = Image.new("L", (width, height), 0)
        w, h = width / 100, height / 100
        for box, colour in (((30, 25, 70, 90), (40, 90, 60)), ((42, 10, 58, 30), (30, 60, 110)), ((33, 45, 67, 70), (250, 248, 245))):
            place = [box[0] * w, box[1] * h, box[2] * w, box[3] * h]
            ImageDraw.Draw(image).rounded_rectangle(place, 3 * w, fill=colour)
            ImageDraw.Draw(mask).rounded_rectangle(place, 3 * w, fill=255)
        pixels = np.array(image)
        noise = np.random.default_rng(0).integers(-120 if clutter else -2, 121 if clutter else 3, pixels.shape)
        pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
        matte = np.asarray(mask, np.float32) / 255 if cut else None
        return Photo(pixels, matte, cut)

    return make
