import numpy as np

from ganray.catalog.sneakers import SHOES, SOLES


def test_toes_point_to_either_side(painted):
    right, left = (painted("sneaker", 0, len(SHOES), pick6=value).mask > 0.5 for value in (0.99, 0.0))
    assert (left[:, ::-1] == right).mean() > 0.99
    assert right[:, :32].sum() > 1.2 * right[:, 32:].sum()  # the heel is higher


def test_shoes_differ_in_height(outlines):
    height = {name: int(mask.any(axis=1).sum()) for name, mask in zip(SHOES, outlines("sneaker", len(SHOES)), strict=True)}
    assert height["slip-on"] < height["low"] < height["sock"] < height["high"]


def test_a_pair_shows_the_second_behind(painted):
    one, two = (painted("sneaker", 0, len(SHOES), pick4=value) for value in (0.99, 0.0))
    assert (two.mask > 0.5).any(axis=1).argmax() != (one.mask > 0.5).any(axis=1).argmax()
    dark = [((canvas.pixels.sum(axis=2) < 260) & (canvas.mask > 0.5)).sum() for canvas in (one, two)]
    assert dark[1] > 1.15 * dark[0]


def test_soles_have_their_colours(painted):
    bottoms = [painted("sneaker", 0, len(SHOES), pick2=(k + 0.5) / len(SOLES)).pixels[50, 32] for k in range(len(SOLES))]
    assert len({tuple(np.round(colour / 8)) for colour in bottoms}) >= 4
