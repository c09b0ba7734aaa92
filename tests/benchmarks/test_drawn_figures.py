from dataclasses import replace

import numpy as np
import pytest

from ganray.benchmarks.drawn_figures import CROPS, OUTFITS, SKINS, Cloth, Figure, cutout, draw_figure, dressed, figure, random_figure, solid


@pytest.mark.parametrize("kind", OUTFITS)
def test_only_the_product_differs_between_two_colours(kind):
    first = Figure((Cloth(kind, (45.0, 80.0, 160.0)),), SKINS[2], (38.0, 30.0, 28.0), ground=242.0)
    blue, red = draw_figure(first, 160, noisy=False), draw_figure(dressed(first, (180.0, 30.0, 45.0)), 160, noisy=False)
    changed = (blue.pixels != red.pixels).any(2)
    assert not (changed & (blue.share("garment0") == 0)).any()
    assert changed[solid(blue.share("garment0"))].all() and solid(blue.share("garment0")).mean() > 0.02


def test_shares_of_a_pixel_are_at_most_one_and_skin_has_its_tone():
    drawn = draw_figure(figure(np.random.default_rng(0), (Cloth("tank", (45.0, 80.0, 160.0)), Cloth("shorts", (90.0, 90.0, 92.0)))), 160)
    total = sum(drawn.shares.values())
    assert total.max() <= 1.001 and solid(drawn.share("skin")).any() and not drawn.share("nothing").any()


@pytest.mark.parametrize("crop", CROPS)
def test_a_figure_is_a_function_of_its_description(crop):
    one, other = (figure(np.random.default_rng(1), (Cloth("dress", (45.0, 80.0, 160.0)),), crop) for _ in range(2))
    np.testing.assert_array_equal(draw_figure(one, 128).pixels, draw_figure(other, 128).pixels)


def test_a_cutout_on_white_is_the_photo():
    for seed in range(4):
        person = random_figure(np.random.default_rng(seed), [*CROPS])
        rgba = cutout(person, 160).astype(np.float32)
        alpha = rgba[..., 3:] / 255
        photo = draw_figure(replace(person, ground=255.0), 160, noisy=False).pixels
        assert np.abs(rgba[..., :3] * alpha + 255 * (1 - alpha) - photo).max() < 2.5
        assert 0.02 < (alpha > 0.5).mean() < 0.7
