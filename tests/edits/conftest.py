"""Photos and what an engine lends an edit; a small generator as training starts with it: enough where the truth is its own picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from ganray.config import ModelConfig
from ganray.edits import Photo
from ganray.images.codec import to_pixels
from ganray.models.r3 import R3Generator

ATTRIBUTES = {"category": ["bag", "cap", "mug"], "colour": ["blue", "red"]}


class NoTools:
    """An engine without networks, pictures and chance."""

    product = None
    attributes: dict[str, str] = {}  # noqa: RUF012

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


class Drawer:
    """A model as the engine knows it: `product` of Tools."""

    def __init__(self, generator) -> None:
        self.generator, self.attributes = generator, ATTRIBUTES

    def label(self, attributes):
        return torch.tensor([[values.index(attributes[name]) for name, values in ATTRIBUTES.items()]])

    def draw(self, seed: int, **attributes) -> Photo:
        """The model's own picture of a product, all of it product, and the z of it."""
        z = torch.randn(1, self.generator.z_dim, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            pixels = to_pixels(self.generator(z, self.label(attributes))).numpy()[0]
        return Photo(pixels, matte=np.ones(pixels.shape[:2], np.float32))


class Lent:
    """Tools: a product, what is known of the photo, pictures, and a stream of random numbers."""

    def __init__(self, product=None, seed: int = 0, pictures=None, **attributes) -> None:
        self.product, self.attributes, self.pictures, self.seed = product, attributes, pictures or {}, seed

    def network(self, task):
        return None

    def picture(self, name):
        return self.pictures[name]

    def rng(self):
        return np.random.default_rng(self.seed)


@pytest.fixture(scope="session")
def drawer() -> Drawer:
    config = ModelConfig(resolution=16, widths=(32, 16, 16), z_dim=8, embed_dim=8, group_channels=8)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = R3Generator(config, (3, 2))
        for name, weight in generator.named_parameters():  # blocks start as the identity: let them do something
            if name.endswith("reduce.weight"):
                torch.nn.init.normal_(weight, std=0.05)
    return Drawer(generator.eval().requires_grad_(False))


@pytest.fixture(scope="session")
def lent():
    return Lent
