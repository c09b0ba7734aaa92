import io

import numpy as np
import pytest
from PIL import Image

from ganray.edits.blocks import blockiness, deblocked, missing, saved_quality
from ganray.metrics.paired import psnr
from tests.tools.scenes import scene


def detailed(seed: int) -> np.ndarray:
    """A scene with fine grain, as sensors leave it: uint8 [130, 101, 3]."""
    pixels = np.asarray(scene(seed).resize((101, 130), Image.Resampling.BICUBIC), np.float64)
    grain = np.random.default_rng(seed).normal(0, 4, pixels.shape[:2])[..., None]
    return np.clip(np.rint(pixels + grain), 0, 255).astype(np.uint8)


def saved(pixels: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


@pytest.mark.parametrize("quality", [5, 10, 15, 19, 30, 50, 62, 75, 80, 82, 85, 88, 90, 92, 94])
def test_the_quality_is_read_off_the_pixels(quality):
    found = [saved_quality(saved(detailed(seed), quality)) for seed in range(4)]
    assert found == [quality] * 4


def test_what_was_never_saved_so_has_no_quality():
    assert [saved_quality(detailed(seed)) for seed in range(4)] == [0] * 4
    assert saved_quality(saved(detailed(0), 50)[3:, 5:]) == 0  # blocks that begin elsewhere
    assert [saved_quality(saved(detailed(0), quality)) for quality in (95, 96, 98)] == [0] * 3
    assert saved_quality(np.zeros((20, 20, 3), np.uint8)) == 0
    assert saved_quality(np.full((64, 64, 3), 200, np.uint8)) == 0


def test_blocks_are_seen_and_their_absence():
    clean, rough = detailed(1), saved(detailed(1), 20)
    assert abs(blockiness(clean)) < 0.4 < blockiness(rough)
    assert blockiness(np.zeros((5, 5, 3), np.uint8)) == 0


@pytest.mark.parametrize("quality", [30, 50])
def test_without_its_blocks_a_picture_is_nearer_to_what_it_was(quality):
    for seed in range(3):
        clean = detailed(seed)
        rough = saved(clean, quality)
        smooth = deblocked(rough, quality)
        assert smooth.shape == rough.shape and smooth.dtype == np.float32
        levels = np.clip(np.rint(smooth), 0, 255).astype(np.uint8)
        assert psnr(levels, clean) > psnr(rough, clean) + 0.05
        assert blockiness(levels) < blockiness(rough)


@pytest.mark.parametrize("quality", [30, 70, 90])
def test_what_a_picture_lacks_to_be_saved_as_that_jpeg(quality):
    clean = detailed(2)
    rough = saved(clean, quality)
    assert np.abs(missing(clean.astype(np.float32), rough, quality)).max() < 1.5  # it has been; the rest is rounding to levels
    assert np.abs(missing(rough.astype(np.float32), rough, quality)).max() < 1e-3
    wrong = clean + np.random.default_rng(0).normal(0, 25, clean.shape).astype(np.float32)
    better = wrong + missing(wrong, rough, quality)
    height, width = (side // 8 * 8 for side in clean.shape[:2])
    assert np.abs(missing(better, rough, quality)).max() < 1e-3
    distance = [np.square(picture - clean)[:height, :width].mean() for picture in (wrong, better)]
    assert distance[1] < (0.96 if quality < 50 else 0.9) * distance[0]  # wide intervals hold much
    assert not missing(wrong, rough, quality)[height:].any() and not missing(wrong, rough, quality)[:, width:].any()


def test_white_stays_white():
    white = np.full((33, 20, 3), 255, np.uint8)
    assert np.abs(deblocked(white, 30) - 255).max() < 1e-3
