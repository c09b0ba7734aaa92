import numpy as np
import pytest
from PIL import Image

from ganray.config import DataConfig
from ganray.images.transforms import augment, contact_sheet, square_crop, square_pad

OFF = DataConfig(flip=0.0)


def ramp(side: int = 32) -> np.ndarray:
    pixels = np.full((side, side, 3), 255, np.uint8)
    pixels[8:24, 6:20] = (np.arange(14) * 9 + 60)[None, :, None]
    return pixels


@pytest.mark.parametrize(
    ("size", "box"), [((100, 50), (0, 16, 64, 48)), ((50, 100), (16, 0, 48, 64)), ((5, 500), (31, 0, 32, 64)), ((8, 8), (0, 0, 64, 64))]
)
def test_square_pad_centres_the_whole_image_on_white(size, box):
    image = np.asarray(square_pad(Image.new("RGB", size, (10, 20, 30)), 64))
    left, top, right, bottom = box
    assert image.shape == (64, 64, 3)
    assert (image[top:bottom, left:right] == (10, 20, 30)).all()
    assert (image == 255).all(axis=2).sum() == 64 * 64 - (right - left) * (bottom - top)


def test_square_crop_takes_the_centre():
    image = Image.new("RGB", (90, 30), (255, 0, 0))
    image.paste((0, 0, 255), (30, 0, 60, 30))
    for side in (30, 16, 64):
        square = np.asarray(square_crop(image, side))
        assert square.shape == (side, side, 3)
        assert (square[:, 2:-2] == (0, 0, 255)).all()


def test_augment_with_everything_off_changes_nothing():
    assert (augment(ramp(), np.random.default_rng(0), OFF) == ramp()).all()


def test_augment_mirrors_about_half():
    rng = np.random.default_rng(0)
    flipped = sum((augment(ramp(), rng, DataConfig()) == ramp()[:, ::-1]).all() for _ in range(400))
    assert 160 < flipped < 240


@pytest.mark.parametrize("config", [{"rotate_p": 1.0}, {"scale_p": 1.0}, {"crop_p": 1.0}, {"colour_p": 1.0}])
def test_each_transform_changes_the_image_a_little(config):
    rng = np.random.default_rng(1)
    images = np.stack([augment(ramp(), rng, OFF.model_copy(update=config)) for _ in range(50)])
    assert images.dtype == np.uint8
    assert images.shape == (50, 32, 32, 3)
    moved = np.abs(images.astype(int) - ramp()).mean(axis=(1, 2, 3))
    assert (moved > 0).mean() > 0.9
    assert moved.max() < 40
    assert np.abs(images.mean(axis=0) - ramp()).mean() < 20  # no drift


def test_a_shift_moves_by_its_share_and_repeats_the_border():
    class Fixed:
        def random(self, num):
            return np.array([1, 1, 1, 0, 1, 0.5, 0.5, 1.0, 0.5, 0.5, 0.5, 0.5])  # dx at its largest

    pixels = ramp()
    pixels[:, 0] = (9, 90, 200)
    moved = augment(pixels, Fixed(), OFF.model_copy(update={"crop_p": 1.0, "crop": 0.125}))
    assert (moved[:, 4:] == pixels[:, :-4]).all()
    assert (moved[:, :4] == (9, 90, 200)).all()


def test_augment_draws_as_much_whatever_the_settings():
    plain, busy = np.random.default_rng(3), np.random.default_rng(3)
    augment(ramp(), plain, OFF)
    augment(ramp(), busy, DataConfig(rotate_p=1, scale_p=1, crop_p=1, colour_p=1))
    assert plain.random() == busy.random()


def test_augment_is_a_function_of_its_stream():
    config = DataConfig(rotate_p=0.5, scale_p=0.5, crop_p=0.5, colour_p=0.5)
    first, second = (
        np.stack([augment(ramp(), rng, config) for _ in range(20)]) for rng in (np.random.default_rng(5), np.random.default_rng(5))
    )
    assert (first == second).all()


def test_contact_sheet_shows_every_image_in_its_row():
    red, blue = np.full((32, 32, 3), (255, 0, 0), np.uint8), np.full((32, 32, 3), (0, 0, 255), np.uint8)
    sheet = contact_sheet([("reds", [red, red]), ("blues", [blue])], tile=32)
    is_red, is_blue = (sheet == (255, 0, 0)).all(axis=2), (sheet == (0, 0, 255)).all(axis=2)
    assert (is_red.sum(), is_blue.sum()) == (2 * 32 * 32, 32 * 32)
    assert np.flatnonzero(is_red.any(axis=1)).max() < np.flatnonzero(is_blue.any(axis=1)).min()
    assert (sheet[:, :20] < 128).any()  # the labels
    assert contact_sheet([]).shape[2] == 3
