import numpy as np
import pytest

from ganray.edits.hole_parts import parts_of
from ganray.edits.surface import GRAIN, fit, frame_surface, rim_surface


def ground(height=60, width=80, noise=0.0):
    y, x = np.mgrid[0:height, 0:width]
    levels = 200 + 0.3 * x - 0.2 * y + 0.002 * (x - 40) ** 2
    levels = levels + np.random.default_rng(0).normal(0, noise, levels.shape) if noise else levels
    return np.repeat(np.clip(np.rint(levels), 0, 255).astype(np.uint8)[..., None], 3, 2)


def hole(top, left, height, width, size=(60, 80)):
    mask = np.zeros(size, bool)
    mask[top : top + height, left : left + width] = True
    return mask


def only(mask):
    (part,) = parts_of(mask)
    return part


@pytest.mark.parametrize("place", [(20, 30, 20, 20), (0, 0, 16, 20)])
def test_the_rim_says_what_is_inside(place):
    truth, mask = ground(), hole(*place)
    surface = rim_surface(np.where(mask[..., None], 0, truth).astype(np.uint8), mask, only(mask))
    assert surface is not None and surface.noise < 0.7
    assert np.abs(surface.at(*np.nonzero(mask)) - truth[mask]).max() < 4


def test_a_rim_with_a_product_on_it_is_not_plain():
    picture, mask = ground(), hole(20, 30, 20, 20)
    picture[10:30, 40:70] = 30
    assert rim_surface(picture, mask, only(mask)) is None
    assert frame_surface(picture, mask) is not None  # its border is


@pytest.mark.parametrize(("noise", "plain"), [(1.5, True), (5.0, False)])
def test_plain_is_a_matter_of_noise(noise, plain):
    mask = hole(20, 30, 20, 20)
    picture = ground(noise=noise)
    assert (frame_surface(picture, mask) is not None) == plain == (rim_surface(picture, mask, only(mask)) is not None)


def test_ground_that_is_carried_follows_the_surface_and_white_stays_white():
    white = np.full((40, 40, 3), 255, np.uint8)
    surface = frame_surface(white, np.zeros((40, 40), bool))
    assert surface is not None
    place = np.array([5, 6, 7]), np.array([5, 6, 7])
    colours = np.array([[255] * 3, [251] * 3, [90, 10, 10]], np.float32)
    carried, is_ground = surface.carried(colours, place, place)
    assert is_ground.tolist() == [True, True, False]
    assert np.abs(carried - [[255] * 3, [255 - GRAIN] * 3, [90, 10, 10]]).max() < 1e-3
    moved = frame_surface(ground(), np.zeros((60, 80), bool)).within(10, 20)
    assert np.abs(moved.at(np.array([5]), np.array([7])) - ground()[15, 27]).max() < 1.5


def test_a_handful_of_pixels_is_no_surface():
    few = np.arange(5)
    assert fit(np.zeros((5, 3), np.uint8), few, few, (10, 10)) is None
    spread = np.random.default_rng(0).integers(0, 256, (200, 3)).astype(np.uint8)
    rows, columns = np.divmod(np.arange(200), 20)
    surface = fit(spread, rows, columns, (10, 20))
    assert surface is None or surface.share < 0.98
