import numpy as np
import pytest
from PIL import Image, ImageDraw

from ganray.edits.network import Halved, factor_of
from ganray.edits.photo import Photo
from ganray.edits.upscale import UpscaleParams, upscale
from ganray.errors import EditError
from ganray.metrics.paired import psnr, ssim
from tests.tools.edit_tools import Lent
from tests.tools.scenes import jpeg, scene


class Twice:
    """A network that doubles by nearest neighbour, and adds dots of a given strength."""

    size, halo = 40, 4

    def __init__(self, wrong=0.0):
        self.wrong = wrong

    def __call__(self, x):
        dots = np.indices((2 * self.size, 2 * self.size)).sum(0) % 2 * 2 - 1
        return (x.repeat(2, 2).repeat(2, 3) + self.wrong * dots).astype(np.float32)


class FourTimes(Twice):
    """One that enlarges by four; it counts its calls."""

    factor, calls = 4, 0

    def __call__(self, x):
        self.calls += 1
        return x.repeat(4, 2).repeat(4, 3)


class Told(Twice):
    """One that is told what a JPEG has lost; it keeps what it heard."""

    channels = 4

    def __call__(self, x):
        self.heard = {float(value) for value in np.unique(x[:, 3])}
        self.given = x[:, :3]
        return super().__call__(x[:, :3])


class Blocky(Twice):
    """A network that also makes every second block of 8 px brighter."""

    def __call__(self, x):
        blocks = ((np.arange(2 * self.size) // 2 - self.halo) // 8 % 2) * 2 - 1
        return super().__call__(x) + np.float32(4 / 127.5) * blocks[:, None] * blocks[None].astype(np.float32)


@pytest.fixture(scope="module")
def photo():
    coarse = np.random.default_rng(0).integers(30, 220, (9, 12, 3), np.uint8)
    pixels = np.asarray(Image.fromarray(coarse).resize((75, 51), Image.Resampling.BICUBIC))
    return Photo(pixels, matte=(pixels[..., 0] > 120).astype(np.float32))


@pytest.mark.parametrize("network", [None, Twice(), FourTimes()])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_larger_and_no_other_picture(photo, factor, network):
    result = upscale(photo, UpscaleParams(factor=factor), Lent({"upscale": network} if network else {}))
    assert result.size == (51 * factor, 75 * factor) and result.matte.shape == result.size
    small = np.asarray(Image.fromarray(result.pixels).resize((75, 51), Image.Resampling.BICUBIC), float)
    assert np.abs(small - photo.pixels).max() < 8 and result.facts["fidelity_db"] > 34
    assert result.facts["upscale"] == ("learned" if network else "lanczos")


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_network_of_four_takes_one_pass(photo, factor):
    network = FourTimes()
    upscale(photo, UpscaleParams(factor=factor), Lent({"upscale": network}))
    assert network.calls == 1  # all tiles of the photo


def test_a_factor_of_four_is_halved_by_means(photo):
    x = np.arange(2 * 3 * 40 * 40, dtype=np.float32).reshape(2, 3, 40, 40)
    np.testing.assert_array_equal(Halved(FourTimes())(x), x.repeat(2, 2).repeat(2, 3))
    assert (factor_of(Halved(FourTimes())), factor_of(FourTimes()), factor_of(Twice())) == (2, 4, 2)


def test_what_would_be_another_picture_is_refused(photo):
    with pytest.raises(EditError, match="reduced again") as raised:
        upscale(photo, UpscaleParams(), Lent({"upscale": Twice(wrong=30.0)}))
    assert raised.value.reason == "fidelity"


def test_a_side_to_be_reached(photo):
    assert upscale(photo, UpscaleParams(to=100), Lent()).size == (102, 150)
    assert upscale(photo, UpscaleParams(to=51), Lent()) is photo
    with pytest.raises(EditError, match="largest factor is 4"):
        upscale(photo, UpscaleParams(to=300), Lent())


def test_too_many_pixels_are_refused():
    large = Photo(np.zeros((4000, 4000, 3), np.uint8))
    with pytest.raises(EditError, match="too many"):
        upscale(large, UpscaleParams(), Lent())


def test_a_single_pixel():
    assert upscale(Photo(np.full((1, 1, 3), 70, np.uint8)), UpscaleParams(), Lent({"upscale": Twice()})).size == (2, 2)


def test_black_text_on_white_is_enlarged_and_its_overshoot_costs_nothing():
    """Lanczos overshoots beside sharp edges, and 0..255 cuts that off: what was measured after cutting refused every size chart."""
    image = Image.new("RGB", (150, 60), "white")
    for top in range(4, 56, 12):
        ImageDraw.Draw(image).text((4, top), "SIZE S M L XL 36 38 40", fill="black")
    chart = Photo(np.asarray(image))
    for network in ({}, {"upscale": Twice()}):
        result = upscale(chart, UpscaleParams(factor=2), Lent(network))
        assert result.size == (120, 300)
    assert upscale(chart, UpscaleParams(factor=2), Lent({})).facts["fidelity_db"] < 34


def test_transparency_grows_with_the_picture():
    alpha = np.zeros((40, 60), np.float32)
    alpha[10:30, 10:50] = 1
    photo = Photo(np.full((40, 60, 3), 90, np.uint8), matte=alpha, alpha=alpha, straight=True)
    result = upscale(photo, UpscaleParams(factor=2), Lent({}))
    assert result.alpha.shape == (80, 120)
    assert result.alpha[40, 60] == 1 and result.alpha[0, 0] == 0


def reduced_and_whole(seed: int) -> tuple[Image.Image, np.ndarray]:
    """A scene with fine grain, and the same at half its size."""
    whole = np.asarray(scene(seed).resize((256, 256), Image.Resampling.BICUBIC), np.float64)
    whole = np.clip(whole + 3 * np.sin(np.arange(256) / 3)[None, :, None], 0, 255).astype(np.uint8)
    return Image.fromarray(whole).resize((128, 128), Image.Resampling.BICUBIC), whole


def better_than_bicubic(small: Image.Image, whole: np.ndarray) -> dict:
    """The facts of an enlargement that is nearer to the truth than bicubic in decibels and in SSIM."""
    result = upscale(Photo(np.asarray(small)), UpscaleParams(factor=2), Lent({}))
    bicubic = np.asarray(small.resize((256, 256), Image.Resampling.BICUBIC))
    assert psnr(result.pixels, whole) > psnr(bicubic, whole) and ssim(result.pixels, whole) > ssim(bicubic, whole)
    return dict(result.facts)


@pytest.mark.parametrize("quality", [50, 80])
def test_blocks_of_jpeg_are_taken_out_and_not_enlarged(quality):
    for seed in range(2):
        small, whole = reduced_and_whole(seed)
        assert abs(better_than_bicubic(jpeg(small, quality), whole)["deblocked"] - quality) <= 1


def test_a_network_that_knows_jpegs_gets_the_photo_as_it_is_and_its_quality():
    small, _ = reduced_and_whole(0)
    network = Told()
    for picture, loss in ((small, 0.0), (jpeg(small, 75), 0.5), (jpeg(small, 90), 0.2)):
        result = upscale(Photo(np.asarray(picture)), UpscaleParams(factor=2), Lent({"upscale": network}))
        assert network.heard == {np.float32(loss)} and "deblocked" not in result.facts
        assert result.facts.get("jpeg_quality", 100) == 100 - 50 * loss
        np.testing.assert_allclose(network.given[-1][:, 4:-4, 4:-4][:, :8, :8] * 127.5 + 127.5, _last_tile(picture), atol=1e-3)
    upscale(Photo(np.asarray(jpeg(small, 75))), UpscaleParams(factor=4), Lent({"upscale": network}))
    assert network.heard == {0.0}  # the second pass enlarges what the first one has made


def _last_tile(picture: Image.Image) -> np.ndarray:
    """The upper left corner of the last tile of 32 px in a picture of 128: [3, 8, 8]."""
    return np.asarray(picture)[96:104, 96:104].transpose(2, 0, 1)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_network_of_four_that_knows_jpegs(factor):
    class ToldFour(Told):
        factor = 4

        def __call__(self, x):
            return super().__call__(x).repeat(2, 2).repeat(2, 3)

    small, _ = reduced_and_whole(0)
    network = ToldFour()
    result = upscale(Photo(np.asarray(jpeg(small, 75))), UpscaleParams(factor=factor), Lent({"upscale": network}))
    assert result.size == (128 * factor,) * 2 and network.heard == {0.5}


def test_a_worse_jpeg_than_were_learned_from_is_told_as_the_worst_of_these():
    small, _ = reduced_and_whole(0)
    network = Told()
    facts = upscale(Photo(np.asarray(jpeg(small, 12))), UpscaleParams(factor=2), Lent({"upscale": network})).facts
    assert facts["jpeg_quality"] == 12 and network.heard == {np.float32(1.4)}


def test_a_noisy_jpeg_is_cleaned_before_also_for_such_a_network():
    small, _ = reduced_and_whole(2)
    grain = np.random.default_rng(0).normal(0, 9, (128, 128, 3))
    noisy = jpeg(Image.fromarray(np.clip(np.rint(np.asarray(small) + grain), 0, 255).astype(np.uint8)), 92)
    network = Told()
    result = upscale(Photo(np.asarray(noisy)), UpscaleParams(factor=2), Lent({"upscale": network}))
    assert network.heard == {0.0} and result.facts["denoised"] > 2


def test_noise_is_taken_out_and_not_enlarged():
    small, whole = reduced_and_whole(2)
    grain = np.random.default_rng(0).normal(0, 7, (128, 128, 3))
    noisy = Image.fromarray(np.clip(np.rint(np.asarray(small) + grain), 0, 255).astype(np.uint8))
    assert better_than_bicubic(noisy, whole)["denoised"] > 2


def test_a_clean_photo_is_enlarged_as_it_is():
    small, whole = reduced_and_whole(3)
    result = upscale(Photo(np.asarray(small)), UpscaleParams(factor=2), Lent({}))
    bicubic = np.asarray(small.resize((256, 256), Image.Resampling.BICUBIC))
    assert psnr(result.pixels, whole) > psnr(bicubic, whole) + 0.5
    assert not {"deblocked", "denoised"} & result.facts.keys()


def test_a_network_that_makes_blocks_is_refused(photo):
    with pytest.raises(EditError, match="steps between blocks of 8 pixels grow") as raised:
        upscale(photo, UpscaleParams(), Lent({"upscale": Blocky()}))
    assert raised.value.reason == "fidelity"
