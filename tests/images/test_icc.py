import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from ganray.images.icc import BT709, CURVES, PRIMARIES, Chromaticities, cicp_profile, gamma_curve, rgb_profile, srgb_curve


def shown(profile, *colours):
    transform = ImageCms.buildTransform(ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), "RGB", "RGB")
    image = Image.fromarray(np.array([colours], np.uint8))
    return np.asarray(ImageCms.applyTransform(image, transform))[0].astype(int)


def expected(primaries, transfer, colour):
    """By the definitions alone: no adaptation is needed between spaces of one white."""

    def to_xyz(points):
        white, *columns = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in points)
        matrix = np.stack(columns, 1)
        return matrix * np.linalg.solve(matrix, white)

    linear = CURVES[transfer](np.array(colour) / 255)
    x = np.clip(np.linalg.solve(to_xyz(PRIMARIES[1]), to_xyz(PRIMARIES[primaries]) @ linear), 0, 1)
    return 255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("primaries", [1, 5, 6, 9, 12, 22])
@pytest.mark.parametrize("transfer", [1, 4, 8, 13, 16, 18])
def test_code_points_give_the_colours_of_their_definition(primaries, transfer):
    colours = [(200, 40, 40), (40, 180, 60), (30, 60, 200), (128, 128, 128), (255, 255, 255), (90, 140, 160)]
    profile = cicp_profile(primaries, transfer)
    for colour, found in zip(colours, shown(profile, *colours), strict=True):
        np.testing.assert_allclose(found, expected(primaries, transfer, colour), atol=2)


def test_known_values():
    assert np.abs(shown(cicp_profile(1, 13), (200, 100, 50))[0] - (200, 100, 50)).max() <= 1
    assert np.abs(shown(cicp_profile(12, 13), (200, 100, 50))[0] - (215, 93, 31)).max() <= 1  # Display P3
    assert abs(shown(cicp_profile(1, 8), (55, 55, 55))[0][0] - 128) <= 1  # linear light .216
    assert abs(shown(cicp_profile(9, 16), (148, 148, 148))[0][0] - 255) <= 2  # PQ .58 is the white of pictures, 203 cd/m2
    assert abs(shown(cicp_profile(9, 18), (191, 191, 191))[0][0] - 255) <= 2  # HLG .75 as well


@pytest.mark.parametrize("transfer", CURVES)
def test_every_curve_rises_from_0_to_1(transfer):
    values = np.clip(CURVES[transfer](np.linspace(0, 1, 500)), 0, 1)
    assert np.isfinite(values).all() and (np.diff(values) >= 0).all() and values[0] < 0.011 and values[-1] > 0.99


def test_unspecified_is_srgb_and_unknown_is_none():
    np.testing.assert_array_equal(shown(cicp_profile(2, 2), (9, 99, 199)), shown(cicp_profile(1, 13), (9, 99, 199)))
    assert cicp_profile(3, 13) is cicp_profile(1, 0) is cicp_profile(99, 99) is None


def test_the_same_space_has_the_same_bytes_and_white_stays_white():
    for points in (BT709, PRIMARIES[4], PRIMARIES[11]):
        profile = rgb_profile("x", points, gamma_curve(1.8))
        assert profile == rgb_profile("x", points, gamma_curve(1.8))
        assert (shown(profile, (255, 255, 255), (0, 0, 0)) == [[255] * 3, [0] * 3]).all()


@pytest.mark.parametrize("points", [((0, 0),) * 4, ((0.3, 0.3),) * 4])
def test_nonsense_has_no_profile(points):
    assert rgb_profile("x", Chromaticities(*points), srgb_curve) is None
