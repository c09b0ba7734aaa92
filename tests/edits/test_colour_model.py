import numpy as np

from ganray.catalog.sample import draw, product
from ganray.edits.colour_model import SIZE, by_colours
from ganray.edits.filters import scaled
from ganray.metrics.paired import iou


def scene(index, ground):
    pixels, mask = draw(product(3, index), 200)
    share = mask[..., None] / 255
    return np.rint(pixels * share + ground * (1 - share)).astype(np.uint8), mask > 127


def test_a_rough_matte_takes_the_products_outline():
    rng = np.random.default_rng(0)
    for index in (1, 4, 10):
        pixels, truth = scene(index, rng.integers(120, 160, (200, 200, 3)))
        rough = scaled(truth.astype(np.float32), 9, 9)  # blobs of 22 px
        before, after = (scaled(matte, 200, 200) > 0.5 for matte in (rough, by_colours(pixels, rough)))
        assert iou(after, truth) > iou(before, truth) + 0.03


def test_where_colours_tell_nothing_the_rough_matte_stays():
    pixels = np.full((100, 140, 3), 90, np.uint8)
    rough = np.zeros((100, 140), np.float32)
    rough[30:70, 40:90] = 1.0
    refined = by_colours(pixels, rough)
    assert refined.shape == (100, 140) and refined.shape[1] <= SIZE
    assert iou(refined > 0.5, rough > 0.5) > 0.9
    assert np.array_equal(refined, by_colours(pixels, rough))


def test_an_enclosed_hole_is_ground_where_it_looks_like_the_ground_and_product_where_it_does_not():
    rng, (rows, columns) = np.random.default_rng(0), np.indices((160, 160))
    away = np.hypot(rows - 80, columns - 80)
    ring, inside = (away < 60) & (away > 30), away <= 30
    ground = rng.normal((190, 170, 140), 6, (160, 160, 3))
    for seen_inside, is_product in ((ground, False), (rng.normal((120, 125, 135), 6, ground.shape), True)):
        pixels = np.where(ring[..., None], (30, 60, 130), np.where(inside[..., None], seen_inside, ground)).clip(0, 255).astype(np.uint8)
        found = by_colours(pixels, ring.astype(np.float32)) > 0.5
        assert iou(found, ring | inside if is_product else ring) > 0.95


def test_a_hole_that_is_larger_than_the_ground_outside_stays():
    rng, product = np.random.default_rng(0), np.ones((120, 120), bool)
    product[15:105, 15:105] = False
    for left in (0, 2):  # without ground outside, and with a strip of it
        product[:, :left] = False
        pixels = np.where(product[..., None], (30, 60, 130), rng.normal((190, 170, 140), 6, (120, 120, 3)))
        pixels[:, :left] = (20, 20, 20)
        found = by_colours(pixels.clip(0, 255).astype(np.uint8), product.astype(np.float32)) > 0.5
        assert not found[30:90, 30:90].any()
