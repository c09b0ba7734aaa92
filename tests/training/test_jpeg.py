import io

import numpy as np
import pytest
import torch
from PIL import Image

from ganray.metrics.paired import psnr
from ganray.training.jpeg import jpeg


def picture(seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 7, 3), np.uint8)
    soft = np.asarray(Image.fromarray(coarse).resize((96, 64), Image.Resampling.BICUBIC), np.int16)
    return np.clip(soft + np.random.default_rng(seed).integers(-20, 21, soft.shape), 0, 255).astype(np.uint8)


def to_tensor(*pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pixels(x: torch.Tensor) -> np.ndarray:
    return ((x + 1) * 127.5).round().permute(0, 2, 3, 1).numpy().astype(np.uint8)


@pytest.mark.parametrize("quality", [30, 50, 80, 95])
@pytest.mark.parametrize("halved", [False, True])
def test_what_it_loses_is_what_a_file_loses(quality, halved):
    """Compared with Pillow's file: the difference is small beside what both have lost."""
    pixels = picture()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=2 if halved else 0)
    file = np.asarray(Image.open(buffer))
    ours = to_pixels(jpeg(to_tensor(pixels), torch.tensor([float(quality)]), torch.tensor([halved])))[0]
    assert psnr(ours, file) > psnr(file, pixels) + 6
    assert psnr(ours, pixels) == pytest.approx(psnr(file, pixels), abs=0.3)


def test_each_picture_has_its_own_quality():
    pictures = to_tensor(picture(), picture(), picture(1))
    together = jpeg(pictures, torch.tensor([20.0, 90.0, 50.0]), torch.tensor([True, False, True]))
    alone = jpeg(pictures[1:2], torch.tensor([90.0]), torch.tensor([False]))
    assert torch.equal(together[1:2], alone)
    errors = (together - pictures).square().mean((1, 2, 3))
    assert errors[0] > 2 * errors[1]


def test_white_stays_white_and_sides_are_whole_blocks():
    white = torch.ones(1, 3, 32, 32)
    assert torch.equal(jpeg(white, torch.tensor([10.0]), torch.tensor([True])), white)
    with pytest.raises(ValueError, match="24x32"):
        jpeg(white[..., :24], torch.tensor([10.0]), torch.tensor([True]))
