"""Photos of clothes are not in the repository: drawn products before drawn walls stand for them."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from torch.nn import functional as F

from ganray.catalog.sample import draw, product
from ganray.edits import apply_chain, parse_chain
from ganray.edits.enhance import CLIPPED, EnhanceParams, denoised, enhance
from ganray.edits.photo import Photo
from ganray.edits.photo_statistics import LUMA, cast, levels, noise, sharpness
from ganray.errors import RequestError
from ganray.metrics.paired import psnr

OFF = {"exposure": "off", "white_balance": "off", "contrast": "off", "clarity": "off", "denoise": "off"}


class Tools:
    def __init__(self, network=None) -> None:
        self._network = network

    def network(self, task):
        return self._network if task == "enhance" else None

    def picture(self, name):
        raise AssertionError("no picture is asked for")

    def rng(self):
        raise AssertionError("nothing is drawn by chance")


def levelled(x) -> np.ndarray:
    return np.clip(np.rint(x), 0, 255).astype(np.uint8)


def blurred(pixels):
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(1.0)))


def noisy(pixels):
    return levelled(pixels + 10 * np.random.default_rng(int(pixels.sum())).standard_normal(pixels.shape))


DEGRADATIONS = {
    "dark": lambda pixels: levelled(0.6 * pixels),
    "bright": lambda pixels: levelled(1.5 * pixels),
    "warm": lambda pixels: levelled(pixels * np.array([1.15, 1.0, 0.8])),
    "cold": lambda pixels: levelled(pixels * np.array([0.8, 1.0, 1.15])),
    "pale": lambda pixels: levelled(128 + 0.6 * (pixels - 128.0)),
    "noise": noisy,
    "blur": blurred,
}


def made(pixels, **params) -> np.ndarray:
    return enhance(Photo(pixels), EnhanceParams(**params), Tools()).pixels


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    """20 products in front of a wall that is lit from one side, with the levels that photos have."""
    pictures = []
    for index in range(20):
        pixels, mask = draw(product(11, index), 160)
        rng = np.random.default_rng(index)
        wall = 180 + 30 * np.linspace(-1, 1, 160)[:, None] * rng.uniform(-1, 1) + np.linspace(-20, 20, 160)[None]
        wall = wall + np.kron(rng.normal(0, 12, (20, 20)), np.ones((8, 8)))  # a pattern, with edges of its own
        scene = np.where(mask[..., None] > 127, 0.9 * pixels, wall[..., None])
        scene[:6, :30], scene[-6:, -30:] = 12, 238
        pictures.append(blurred(levelled(scene)) if index == 19 else levelled(scene))
    return pictures


def test_a_good_photo_stays_what_it_is(photos):
    assert np.median([min(99, psnr(made(photo), photo)) for photo in photos]) >= 30
    same = [np.array_equal(made(photo), photo) for photo in photos]
    assert np.mean(same) >= 0.5


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_what_was_made_worse_gets_better(photos, name):
    gains = [psnr(made(worse), photo) - psnr(worse, photo) for photo in photos for worse in [DEGRADATIONS[name](photo)]]
    assert np.median(gains) > 0.3, name
    assert np.mean(np.array(gains) > 0) > 0.6, name


def test_white_packshots_are_left_alone():
    changed = [psnr(made(pixels), pixels) for index in range(20) for pixels in [draw(product(5, index), 96)[0]]]
    assert np.median(changed) >= 30
    white = np.full((64, 64, 3), 255, np.uint8)
    white[20:44, 20:44] = (200, 30, 40)
    np.testing.assert_array_equal(made(white)[:10], white[:10])


@pytest.mark.parametrize("name", DEGRADATIONS)
@pytest.mark.parametrize("strength", ["auto", 1.0])
def test_at_most_one_percent_is_clipped(photos, name, strength):
    strengths = dict.fromkeys(OFF, strength)
    for photo in photos[:8]:
        worse = DEGRADATIONS[name](photo)
        after = made(worse, **strengths)
        inside = ((worse > 0) & (worse < 255)).all(-1)
        assert (inside & ((after == 0) | (after == 255)).any(-1)).mean() <= CLIPPED


@pytest.mark.parametrize("strength", ["auto", 0.7])
def test_grey_stays_grey_and_gains_contrast(photos, strength):
    """As an X-ray: equal channels, few levels, in the middle of the scale."""
    for photo in photos[:8]:
        grey = np.repeat(np.asarray(Image.fromarray(photo).convert("L"))[..., None], 3, 2)
        pale = levelled(110 + 0.35 * (grey - 128.0) + np.random.default_rng(0).normal(0, 3, grey.shape[:2])[..., None])
        after = made(pale, **dict.fromkeys(OFF, strength))
        assert (after == after[..., :1]).all()
        assert after.std() > 1.4 * pale.std()
        if strength == "auto":
            assert psnr(after, grey) > psnr(pale, grey) + 3


def test_off_is_off_and_a_strength_is_heard(photos):
    dark = DEGRADATIONS["dark"](photos[0])
    np.testing.assert_array_equal(made(dark, **OFF), dark)
    means = [made(dark, **{**OFF, "exposure": strength}).mean() for strength in (0.0, 0.3, 0.6, 1.0)]
    assert means == sorted(means) and means[-1] > 1.3 * means[0] == pytest.approx(1.3 * dark.mean())
    sharp = [sharpness(made(photos[1], **{**OFF, "clarity": strength})) for strength in (0.0, 0.5, 1.0)]
    assert sharp == sorted(sharp) and sharp[-1] > sharp[0]


def test_measurements(photos):
    photo = photos[3]
    assert noise(noisy(photo)) == pytest.approx(6.7, rel=0.15)  # of luma: 10 * |LUMA|
    assert noise(photo) < 1
    assert sharpness(blurred(photo)) < 0.6 * sharpness(photo)
    warm = [cast(DEGRADATIONS["warm"](photo)) for photo in photos]
    assert np.mean([sure > 0.9 and colour[0] > colour[2] for colour, sure in warm]) > 0.6
    assert np.mean([sure for _, sure in map(cast, photos)]) < 0.3
    assert cast(np.repeat(photo[..., :1], 3, 2))[0].tolist() == [0, 0, 0]
    assert levels(np.full((9, 9, 3), 77, np.uint8)).low == 77


def test_a_print_that_luma_does_not_show_stays_while_noise_goes():
    stripes = np.where((np.arange(200) // 20 % 2)[None, :, None], np.array([183.0, 90, 60]), np.array([80.0, 128, 139]))
    photo = np.broadcast_to(stripes, (200, 200, 3))
    assert abs(float((stripes[0, 0] - stripes[0, 5]) @ LUMA)) < 1  # the denoiser must not follow luma's edges alone
    for strength in (2, 6, 10):
        shot = photo + strength * np.random.default_rng(0).standard_normal(photo.shape)
        assert psnr(denoised(shot.astype(np.float32), strength * float(np.linalg.norm(LUMA))), photo) > psnr(shot, photo) + 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2), (17, 300)])
@pytest.mark.parametrize("strength", ["auto", 1.0])
def test_any_size(shape, strength):
    pixels = np.random.default_rng(1).integers(40, 90, (*shape, 3)).astype(np.uint8)
    assert made(pixels, **dict.fromkeys(OFF, strength)).shape == pixels.shape


def test_bands_leave_no_seam(photos, monkeypatch):
    tall = np.concatenate([noisy(DEGRADATIONS["pale"](photo)) for photo in photos[:3]])
    whole = made(tall, clarity=1.0)
    monkeypatch.setattr(importlib.import_module("ganray.edits.enhance"), "BAND", 100)
    assert np.abs(made(tall, clarity=1.0).astype(int) - whole).max() <= 1


class Brighter:
    """A learned network of the simplest kind: a 3x3 mean, a little lighter."""

    size = 48

    def __call__(self, x):
        y = F.avg_pool2d(F.pad(torch.from_numpy(x), (1, 1, 1, 1), mode="replicate"), 3, 1)
        return (y + 0.1).numpy()


def test_the_learned_network_comes_first_where_there_is_noise(photos):
    photo = noisy(photos[0])
    after = enhance(Photo(photo), EnhanceParams(**OFF), Tools(Brighter())).pixels
    means = np.asarray(Image.fromarray(photo).filter(ImageFilter.BoxBlur(1))).astype(float)
    assert np.abs(after.astype(float) - np.minimum(means + 12.75, 255))[2:-2, 2:-2].max() <= 1.5
    np.testing.assert_array_equal(enhance(Photo(photo), EnhanceParams(**OFF, learned=False), Tools(Brighter())).pixels, photo)
    np.testing.assert_array_equal(enhance(Photo(photos[0]), EnhanceParams(**OFF), Tools(Brighter())).pixels, photos[0])


def test_through_the_chain_and_deterministic(photos):
    steps = parse_chain([{"enhance": {"exposure": 0.5, "denoise": "off"}}, "recolor:navy"])
    after = [apply_chain(Photo(photos[2], matte=(photos[2].min(-1) < 150).astype(np.float32)), steps, Tools()) for _ in range(2)]
    assert after[0].pixels.tobytes() == after[1].pixels.tobytes()
    assert after[0].edits == ("enhance", "recolor")
    with pytest.raises(RequestError, match="enhance: exposure"):
        parse_chain([{"enhance": {"exposure": "strong"}}])
    with pytest.raises(RequestError, match="cannot come after"):
        parse_chain(["recolor:navy", "enhance"])
