import numpy as np
import pytest

from ganray.edits.materials import Colour, colours_of, distance, in_light, in_parts, materials_of, one_dye
from ganray.images.lab import to_lab

BLUE, WHITE, CAMEL, BROWN = (45, 80, 160), (240, 240, 240), (193, 154, 107), (60, 40, 30)


def product(paint):
    """The materials of a product of 100 x 60 pixels on grey."""
    pixels = np.full((120, 80, 3), 210, np.uint8)
    paint(pixels[10:110, 10:70])
    matte = np.zeros((120, 80), np.float32)
    matte[10:110, 10:70] = 1
    return materials_of(pixels, matte)


def stripes(part):
    part[:] = WHITE
    for row in range(0, 100, 6):
        part[row : row + 3] = BLUE


def halves(part):
    part[:50], part[50:] = BLUE, CAMEL


def lit(part):
    part[:] = (np.array(BLUE) * np.linspace(0.6, 1.25, 60)[None, :, None]).astype(np.uint8)


def printed(part):
    part[:] = BLUE
    part[30:50, 20:40] = WHITE


@pytest.mark.parametrize(("paint", "groups"), [(stripes, 1), (lit, 1), (printed, 1), (halves, 2)])
def test_patterns_and_light_are_one_material_and_two_cloths_two(paint, groups):
    materials = product(paint)
    assert len(set(materials.groups)) == groups
    assert sum(materials.share(name) for name in materials.names()) == pytest.approx(1, abs=1e-3)
    assert materials.of(materials.names()[0]).sum() >= 0.45 * materials.product.sum()
    assert (materials.labels[~materials.product] == -1).all()


def test_a_speck_has_no_materials():
    assert materials_of(np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.float32)) is None


def test_light_scales_chroma_with_lightness():
    """Linear light times k: L + 16, a and b times about k ** (1/3)."""
    bright, dim = to_lab(np.array([[200, 120, 80], [146, 87, 58]], np.uint8))  # 0.73 of the levels is about half the light
    np.testing.assert_allclose(in_light(dim[0], bright), dim[1:], atol=1.5)
    assert one_dye(bright, dim) and not one_dye(to_lab(np.array(CAMEL, np.uint8)), to_lab(np.array(BLUE, np.uint8)))


def test_distances_ignore_light_within_the_range():
    lab = to_lab(np.array([BLUE, CAMEL], np.uint8))
    blue = Colour(lab[0], float(lab[0, 0]) - 10, float(lab[0, 0]) + 10, 1.0)
    assert distance(lab[0], blue) < 0.01 and distance(lab[1], blue) > 30


def test_colours_and_their_thirds():
    sample = to_lab(np.array([BLUE] * 70 + [CAMEL] * 30, np.uint8))
    first, second = colours_of(sample)
    assert first.share == pytest.approx(0.7) and second.share == pytest.approx(0.3)
    ramp = np.stack([np.arange(30, 60), np.zeros(30), np.zeros(30)], -1).astype(np.float32)
    assert [round(part.lab[0]) for part in in_parts(ramp)] == [34, 44, 54]
