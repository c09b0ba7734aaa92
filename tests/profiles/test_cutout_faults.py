import numpy as np
import pytest

from ganray.benchmarks.clean_photos import on_white
from ganray.benchmarks.drawn_figures import Cloth, Figure, cutout
from ganray.profiles.cutout_faults import cut_skin
from ganray.profiles.evidence import CLEAR, LIKELY
from ganray.profiles.foreground import foreground


@pytest.fixture
def figure():
    person = Figure((Cloth("dress", (45.0, 80.0, 160.0)),), (222.0, 171.0, 135.0), (38.0, 30.0, 28.0), stance=0.015)
    return on_white(cutout(person, 400), 400, np.random.default_rng(2))


def test_a_person_is_no_fault_and_goods_have_no_skin(figure, goods):
    assert cut_skin(foreground(figure)).strength == CLEAR
    assert cut_skin(foreground(goods())).strength == CLEAR


def test_legs_without_feet_and_feet_without_legs_are_told(figure):
    short, parted = figure.copy(), figure.copy()
    short[300:] = 255
    parted[290:310] = 255
    assert cut_skin(foreground(short)).strength == LIKELY
    assert "band" in cut_skin(foreground(parted)).found
    parted[300:330] = 255
    assert cut_skin(foreground(parted)).strength == LIKELY


def test_a_band_that_is_missing_is_told_and_a_gap_between_goods_is_not(goods):
    pixels = goods((40, 60, 160))
    pixels[200:220] = 255
    assert "band" in cut_skin(foreground(pixels)).found
    pair = goods(box=(0.2, 0.55, 0.8, 0.95), on=goods(box=(0.2, 0.05, 0.8, 0.45)))
    assert cut_skin(foreground(pair)).strength == CLEAR


def test_a_hole_in_skin_is_told(goods):
    pixels = goods((224, 172, 138), (0.2, 0.1, 0.8, 0.55), on=goods((40, 60, 160), (0.15, 0.4, 0.85, 0.95)))
    assert cut_skin(foreground(pixels)).strength == CLEAR
    pixels[90:130, 180:220] = 255
    assert "hole" in cut_skin(foreground(pixels)).found
