import numpy as np
import pytest

from ganray.edits.photo_statistics import cast, levels, luma_of, noise, rising, sharpness

SIDE = 128


def edges(blur: float = 0.0):
    """Grey bars with edges that are blurred by a normal distribution of `blur` px: uint8 [128, 128, 3]."""
    row = np.where(np.arange(SIDE) // 32 % 2, 200.0, 60.0)
    if blur:
        taps = np.exp(-0.5 * (np.arange(-8, 9) / blur) ** 2)
        row = np.convolve(np.pad(row, 8, "edge"), taps / taps.sum(), "valid")
    return np.repeat(np.repeat(row.round().astype(np.uint8)[None], SIDE, 0)[..., None], 3, 2)


def levelled(values):
    return values.round().clip(0, 255).astype(np.uint8)


def test_luma_weighs_channels_as_bt_601_does():
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    np.testing.assert_allclose(luma_of(pixels)[0], [76.245, 149.685, 29.07], rtol=1e-5)


def test_levels_of_a_grey_ramp():
    ramp = np.repeat(np.tile(np.arange(20, 230, dtype=np.uint8), (64, 1))[..., None], 3, 2)
    found = levels(ramp)
    assert (found.low, found.high, found.grey, found.clipped) == (21.0, 228.0, True, 0.0)
    assert found.mean == pytest.approx(124.5)


def test_a_white_background_is_not_clipped_light():
    pixels = np.full((SIDE, SIDE, 3), 255, np.uint8)
    pixels[40:80, 40:80] = 90
    assert levels(pixels).clipped == 0.0
    pixels[:4] = pixels[-4:] = pixels[:, :4] = pixels[:, -4:] = 90
    assert levels(pixels).clipped > 0.5


@pytest.mark.parametrize("sigma", [2.0, 6.0])
def test_noise_is_measured_in_levels(sigma):
    rng = np.random.default_rng(0)
    grain = rng.normal(0, sigma, (256, 256, 1))
    pixels = levelled(128 + np.repeat(grain, 3, 2))
    assert noise(pixels) == pytest.approx(sigma, rel=0.15)
    assert noise(np.full((64, 64, 3), 128, np.uint8)) == 0.0


def test_neither_cloth_nor_a_white_ground_hides_what_noise_there_is():
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 4.0, (320, 320, 1))
    cloth = np.full((320, 320, 1), 120.0)
    cloth[:, 40:] += 25 * np.sin(np.arange(280))[None, :, None]  # a weave on all but an eighth of the frame
    assert noise(np.repeat(levelled(cloth), 3, 2)) < 0.5
    assert noise(np.repeat(levelled(cloth + grain), 3, 2)) == pytest.approx(4.0, rel=0.15)
    packshot = np.full((320, 320, 1), 255.0)
    packshot[100:220, 100:220] = 120
    assert noise(np.repeat(levelled(packshot + grain), 3, 2)) == pytest.approx(4.0, rel=0.15)


def test_a_blur_lowers_sharpness():
    values = [sharpness(edges(blur)) for blur in (0.0, 1.0, 1.5)]
    assert values[0] > 0.9 and values[0] > values[1] > values[2]
    assert values[1] == pytest.approx(0.44, abs=0.15) and values[2] == pytest.approx(0.27, abs=0.1)
    assert sharpness(np.full((64, 64, 3), 7, np.uint8)) == 1.0


def test_a_warm_light_is_estimated_and_a_neutral_photo_has_none():
    warm = (edges(1.0) * np.array([1.0, 0.85, 0.7])).astype(np.uint8)
    colour, certainty = cast(warm)
    assert colour[0] > colour[1] > colour[2] and certainty > 0.9
    assert abs(float(colour.sum())) < 1e-5
    assert cast(edges(1.0))[1] == 0.0
    assert cast(np.full((64, 64, 3), 128, np.uint8))[1] == 0.0


def test_rising_goes_from_0_to_1_and_falls_if_turned():
    assert [rising(x, 1.0, 3.0) for x in (0.0, 1.0, 2.0, 3.0, 9.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert [rising(x, 3.0, 1.0) for x in (0.0, 2.0, 4.0)] == [1.0, 0.5, 0.0]
