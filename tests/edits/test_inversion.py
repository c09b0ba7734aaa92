from __future__ import annotations

import numpy as np
import pytest
import torch

from ganray.config import ModelConfig
from ganray.edits.inversion import drawing, drawn, framed, inverted
from ganray.edits.photo import Photo
from ganray.errors import EditError
from ganray.metrics.paired import psnr
from ganray.models.dcgan import DcganGenerator


def test_what_the_model_drew_is_found_again(drawer, lent):
    for seed in range(2):
        photo = drawer.draw(seed, category="cap", colour="red")
        inversion = inverted(photo, lent(drawer, category="cap", colour="red"), steps=120, threshold=22)
        again = drawn(inversion.features, drawer.generator)
        assert psnr(again, photo.pixels) == pytest.approx(inversion.psnr, abs=1.5) and inversion.psnr > 28
        assert inversion.attributes == {"category": "cap", "colour": "red"}
        assert psnr(drawn(drawer.generator.base(inversion.z, inversion.label), drawer.generator), photo.pixels) < inversion.psnr


def test_what_it_cannot_draw_is_not_invertible(drawer, lent):
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    photo = Photo(noise, matte=np.ones((16, 16), np.float32))
    with pytest.raises(EditError, match="dB only") as caught:
        inverted(photo, lent(drawer), steps=40, threshold=22)
    assert caught.value.reason == "not_invertible"
    assert inverted(photo, lent(drawer), steps=40, threshold=0).psnr < 22


def test_equal_bits_on_any_number_of_threads(drawer, lent):
    """Promised on one machine: the search sets itself to one thread."""
    photo, before = drawer.draw(5, category="mug", colour="blue"), torch.get_num_threads()
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append(inverted(photo, lent(drawer), steps=20, threshold=0))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert torch.equal(results[0].features, results[1].features)


def test_values_that_the_model_does_not_know_are_looked_for(drawer, lent):
    photo = drawer.draw(1, category="bag", colour="blue")
    inversion = inverted(photo, lent(drawer, category="sofa", size="XL", colour="blue"), steps=5, threshold=0)
    assert inversion.attributes["category"] in ("bag", "cap", "mug") and inversion.attributes["colour"] == "blue"
    assert set(inversion.attributes) == {"category", "colour"}


def test_without_a_model_that_can(lent, drawer):
    with pytest.raises(EditError, match="no generator"):
        drawing(lent())
    other = type(drawer)(DcganGenerator(ModelConfig(name="dcgan", resolution=8, widths=(8,), z_dim=4), (3, 2)))
    with pytest.raises(EditError, match="dcgan"):
        drawing(lent(other))


def test_a_small_product_is_cut_out_and_a_large_one_keeps_its_frame(lent):
    pixels = np.full((120, 200, 3), 230, np.uint8)
    matte = np.zeros((120, 200), np.float32)
    matte[50:70, 90:130] = 1
    pixels[matte > 0] = (180, 30, 40)
    small = framed(Photo(pixels, matte=matte), lent(), 32)
    assert small.shape == (32, 32, 3) and (small[0] == 255).all() and (small[:, :, 1] < 100).any(0).sum() > 24
    matte[30:90, 30:170] = 1
    large = framed(Photo(pixels, matte=matte), lent(), 32)
    assert 20 <= (large.min(-1) < 240).any(0).sum() <= 26
    assert (large[:6] == 255).all(), "padded to a square, on white"
