from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from ganray.config import ModelConfig
from ganray.edits import inversion
from ganray.edits.inversion import KEPT, RecentInversions, drawing, drawn, framed, inverted
from ganray.edits.photo import Photo
from ganray.errors import EditError
from ganray.metrics.paired import psnr
from ganray.models.dcgan import DcganGenerator


def test_what_the_model_drew_is_found_again(drawer, lent):
    for seed in range(2):
        photo = drawer.draw(seed, category="cap", colour="red")
        found = inverted(photo, lent(drawer, category="cap", colour="red"), steps=120, threshold=22)
        again = drawn(found.features, drawer.generator)
        assert psnr(again, photo.pixels) == pytest.approx(found.psnr, abs=1.5) and found.psnr > 28
        assert found.attributes == {"category": "cap", "colour": "red"}
        assert psnr(drawn(drawer.generator.base(found.z, found.label), drawer.generator), photo.pixels) < found.psnr


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
        inversion._RECENT.clear()
        results.append(inverted(photo, lent(drawer), steps=20, threshold=0))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert torch.equal(results[0].features, results[1].features)


def test_values_that_the_model_does_not_know_are_looked_for(drawer, lent):
    photo = drawer.draw(1, category="bag", colour="blue")
    found = inverted(photo, lent(drawer, category="sofa", size="XL", colour="blue"), steps=5, threshold=0)
    assert found.attributes["category"] in ("bag", "cap", "mug") and found.attributes["colour"] == "blue"
    assert set(found.attributes) == {"category", "colour"}


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


def test_an_inversion_that_several_wait_for_is_made_once_and_errors_are_not_kept():
    recent, made, begun = RecentInversions(), [], threading.Event()

    def make():
        begun.set()
        made.append(1)
        time.sleep(0.2)
        return "inversion"

    with ThreadPoolExecutor(4) as pool:
        assert {future.result() for future in [pool.submit(recent.get, "a", make) for _ in range(4)]} == {"inversion"}
    assert len(made) == 1

    def fails():
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            recent.get("b", fails)
    assert [recent.get(key, lambda: "other") for key in range(KEPT)] == ["other"] * KEPT
    assert recent.get("a", lambda: "again") == "again"


def test_the_same_photo_is_inverted_once_for_one_generator(drawer, lent, monkeypatch):
    photo = drawer.draw(6, category="cap", colour="red")
    calls = []
    followed = inversion._followed
    monkeypatch.setattr(inversion, "_followed", lambda *given: calls.append(1) or followed(*given))
    first, second = (inverted(photo, lent(drawer, category="cap"), steps=3, threshold=0) for _ in range(2))
    assert first is second and len(calls) == 1
    inverted(photo, lent(drawer, category="cap"), steps=4, threshold=0)
    inverted(photo, lent(drawer, category="mug"), steps=4, threshold=0)
    assert len(calls) == 3
