import numpy as np

from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY
from ganray.profiles.exposure import exposure
from ganray.profiles.foreground import foreground


def strength(pixels):
    return exposure(foreground(np.clip(pixels, 0, 255).astype(np.uint8))).strength


def test_a_black_product_on_white_is_no_fault_and_a_dimmed_frame_is(goods):
    assert strength(goods((28, 27, 30))) == strength(goods()) == strength(goods((250, 250, 248))) == CLEAR
    assert strength(goods() * 0.25) == CERTAIN
    assert strength(goods((20, 30, 50), on=np.full((400, 400, 3), 105))) == LIKELY


def test_a_dim_product_that_is_coloured_is_advice(goods):
    assert strength(goods((60, 10, 12))) == LIKELY


def test_a_product_that_is_burnt_out_is_too_bright(goods):
    assert strength(goods((400, 400, 395), on=np.full((400, 400, 3), 190))) == LIKELY
    assert strength(np.random.default_rng(0).integers(60, 255, (300, 300, 3))) == CLEAR
