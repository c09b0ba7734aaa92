import numpy as np
import pytest

from ganray.edits.hole_parts import clusters, parts_of
from ganray.edits.surface import frame_surface
from ganray.edits.texture import copy_texture, fill_ground


def scene(noise=0.0):
    """A dark product on light ground, and a hole over its right edge."""
    truth = np.full((90, 120, 3), 240.0)
    truth += np.random.default_rng(0).normal(0, noise, truth.shape)
    truth[20:70, 30:80] = 50
    truth[20:70:6, 30:80] = 90
    hole = np.zeros((90, 120), bool)
    hole[35:60, 60:105] = True
    return np.clip(np.rint(truth), 0, 255).astype(np.uint8), hole


@pytest.mark.parametrize("noise", [0.0, 1.5])
def test_ground_is_filled_first_and_the_product_is_left(noise):
    truth, unknown = scene(noise)
    hole = unknown.copy()
    pixels = np.where(hole[..., None], 0, truth).astype(np.uint8)
    fill_ground(pixels, unknown, frame_surface(pixels, unknown), None)
    filled = hole & ~unknown
    assert np.abs(pixels[filled].astype(int) - 240).max() <= 6
    assert unknown[:, 60:78].sum() > 0.9 * hole[:, 60:78].sum() and filled[:, 84:].sum() > 0.9 * hole[:, 84:].sum()
    assert (pixels[filled].std() > 0.8) == (noise > 0)


def test_grain_on_white_does_not_wrap_round():
    truth, unknown = scene(1.5)
    truth = np.clip(truth.astype(int) + 14, 0, 255).astype(np.uint8)
    hole = unknown.copy()
    fill_ground(truth, unknown, frame_surface(truth, unknown), None)
    assert truth[hole & ~unknown].min() > 240


def test_the_network_says_what_is_ground():
    class Light:
        size, halo = 128, 0

        def __call__(self, x):
            return x[:, :3] * (1 - x[:, 3:]) + 0.88 * x[:, 3:]

    filled = []
    for network in (None, Light()):
        truth, unknown = scene()
        fill_ground(truth, unknown, frame_surface(truth, unknown), network)
        filled.append(int(unknown.sum()))
    assert filled[1] < filled[0]


def test_the_rest_is_copied_from_the_product_and_known_afterwards():
    truth, unknown = scene()
    hole = unknown.copy()
    hole[:, 80:] = unknown[:, 80:] = False
    pixels = np.where(hole[..., None], 0, truth).astype(np.uint8)
    surface = frame_surface(pixels, unknown)
    for cluster in clusters(list(parts_of(unknown)), unknown.shape):
        copy_texture(pixels, unknown, cluster, None, surface)
    assert not unknown.any() and np.array_equal(pixels[~hole], truth[~hole])
    assert (pixels[hole].max(1) < 200).mean() > 0.9


def test_a_copy_takes_the_networks_light_and_keeps_its_own_grain():
    class Lighter:
        size, halo = 64, 0

        def __call__(self, x):
            return x[:, :3] * (1 - x[:, 3:]) + 0.4 * x[:, 3:]  # level 179 of a hole in cloth of level 120

    rng = np.random.default_rng(0)
    cloth = np.rint(120 + rng.normal(0, 15, (96, 96, 1)) + np.zeros(3)).clip(0, 255).astype(np.uint8)
    unknown = np.zeros((96, 96), bool)
    unknown[24:72, 24:72] = True
    pixels = np.where(unknown[..., None], 255, cloth).astype(np.uint8)
    for cluster in clusters(list(parts_of(unknown)), unknown.shape):
        copy_texture(pixels, unknown, cluster, Lighter(), None)
    middle = pixels[36:60, 36:60, 0].astype(float)
    assert middle.mean() > 140
    assert middle.std() > 0.8 * cloth[..., 0].std()


def test_a_copy_follows_what_the_network_expects_within_a_patch():
    class HalfLight:
        size, halo = 64, 0

        def __call__(self, x):
            expected = np.full_like(x[:, :3], 0.5)
            expected[..., :32, :] = -0.5
            return x[:, :3] * (1 - x[:, 3:]) + expected * x[:, 3:]

    rng = np.random.default_rng(0)
    truth = np.where(np.arange(96)[:, None, None] < 48, 64, 191) + rng.normal(0, 6, (96, 96, 1)) + np.zeros((96, 96, 3))
    truth = np.rint(truth).clip(0, 255).astype(np.uint8)
    unknown = np.zeros((96, 96), bool)
    unknown[8:88, 8:88] = True
    pixels = np.where(unknown[..., None], 255, truth).astype(np.uint8)
    for cluster in clusters(list(parts_of(unknown)), unknown.shape):
        copy_texture(pixels, unknown, cluster, HalfLight(), None)
    assert (np.abs(pixels[:, :, 0].astype(int) - truth[:, :, 0]) > 60).mean() < 0.08
