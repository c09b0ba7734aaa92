import numpy as np
import pytest

from ganray.edits.matte_views import NUM_VIEWS, SIZE, boxed, learned_mattes
from ganray.metrics.paired import iou


class Reddest:
    """Sees what is red, and notes what share of its square that was in each look."""

    size, halo = 64, 0

    def __init__(self):
        self.shares = []

    def __call__(self, x):
        red = (x[:, :1] > 0.2).astype(np.float32)
        self.shares.append(float(red.mean()))
        return red


def scene(top, left, side, height=300, width=400):
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[top : top + side, left : left + side, 0] = 250
    return pixels, (pixels[..., 0] > 200)


def test_a_small_product_is_looked_at_nearer_and_nearer():
    pixels, truth = scene(200, 310, 40)
    network = Reddest()
    matte = learned_mattes(pixels, network)[-1]
    assert matte.shape == (240, SIZE) and len(network.shares) == 2 * NUM_VIEWS  # each look both ways
    assert network.shares[0] < 0.02 and network.shares[-1] > 0.4
    y, x = (np.arange(240) * 1.25).astype(int), (np.arange(SIZE) * 1.25).astype(int)
    assert iou(matte > 0.5, truth[y][:, x]) > 0.9


def test_what_is_out_of_sight_of_a_nearer_look_is_no_product():
    class Fading(Reddest):
        def __call__(self, x):  # in the first look there is a little of everything
            return np.maximum(super().__call__(x), 0.3 if len(self.shares) <= 2 else 0.0)

    matte = learned_mattes(scene(100, 150, 60)[0], Fading())[-1]
    assert matte[:40].max() == 0 and matte[100:110, 140:150].min() > 0.9


def test_every_look_is_told_the_first_one_of_the_whole_picture():
    pixels, _ = scene(200, 310, 40)
    mattes = learned_mattes(pixels, Reddest())
    assert len(mattes) == NUM_VIEWS and mattes[0].max() > 0.9 and {matte.shape for matte in mattes} == {(240, SIZE)}


@pytest.mark.parametrize("side", [0, 290])
def test_nothing_and_everything_take_one_look(side):
    network = Reddest()
    matte = learned_mattes(scene(5, 5, side, 300, 300)[0], network)[-1]
    assert len(network.shares) == 2 and matte.mean() == pytest.approx((side / 300) ** 2, abs=0.05)


def test_a_picture_in_a_square_repeats_its_border():
    pixels = np.zeros((10, 40, 3), np.uint8)
    pixels[0], pixels[-1] = 100, 200
    square, (top, left, bottom, right) = boxed(pixels, 20)
    assert (left, bottom - top, right) == (0, 5, 20) and square.shape == (20, 20, 3)
    assert (square[:top] == square[top]).all() and (square[bottom:] == square[bottom - 1]).all()


def test_a_part_is_what_a_cut_picture_would_be():
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
    part, where = boxed(pixels, 20, (10.0, 5.0, 30.0, 25.0))
    cut, same = boxed(pixels[5:25, 10:30], 20)
    assert where == same and np.array_equal(part, cut)


def test_a_network_of_a_large_input_looks_once():
    class Once:
        size, halo, views, calls = 64, 0, 1, 0

        def __call__(self, x):
            self.calls += 1
            seen = np.zeros_like(x[:, :1])
            seen[..., 20:40, 20:40] = 1
            return seen

    network = Once()
    pixels = np.full((90, 120, 3), 120, np.uint8)
    assert len(learned_mattes(pixels, network)) == 1 and network.calls == 2  # the picture and its mirror image
    network.views = 3
    assert len(learned_mattes(pixels, network)) == 3
