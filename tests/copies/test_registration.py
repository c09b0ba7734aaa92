import numpy as np
import pytest
from PIL import Image

from ganray.copies.registration import Pictures, evidence
from tests.tools.scenes import scene


def pictures(images: list[Image.Image]) -> Pictures:
    luma = [np.asarray(image.convert("L").resize((32, 32), Image.Resampling.BILINEAR), np.float32) for image in images]
    chroma = [np.asarray(image.convert("YCbCr").resize((8, 8), Image.Resampling.BOX), np.float32)[..., 1:] for image in images]
    return Pictures(np.stack(luma), np.stack(chroma))


SCENES = [scene(seed) for seed in range(12)]
MOVES = {
    "cropped by 6 % a side": lambda image: image.crop((12, 16, 188, 244)),
    "cropped at one corner": lambda image: image.crop((16, 20, 200, 260)),
    "turned by 3 degrees": lambda image: image.rotate(3, Image.Resampling.BICUBIC).crop((8, 8, 192, 252)),
    "brighter": lambda image: image.point(lambda level: min(255, round(1.15 * level))),
    "resized": lambda image: image.resize((90, 110)),
}


@pytest.mark.parametrize("move", MOVES)
def test_a_moved_picture_is_laid_over_the_first(move):
    found = evidence(pictures(SCENES), pictures([MOVES[move](image) for image in SCENES]))
    assert np.nanmedian(found.unexplained) < 0.02 and np.nanmedian(found.detail) > 0.85
    assert (found.overlap >= 0.6).mean() >= 0.9 and np.nanmax(found.tint) < 25


def test_other_pictures_are_not_explained():
    first = pictures(SCENES)
    other = Pictures(np.roll(first.luma, 1, 0), np.roll(first.chroma, 1, 0))
    found = evidence(first, other)
    assert (found.unexplained > 0.1).all()


def test_another_shade_before_white_is_measured():
    def product(level: int) -> Image.Image:
        image = Image.new("RGB", (96, 96), "white")
        image.paste((level,) * 3, (24, 20, 72, 80))
        return image

    found = evidence(pictures([product(90)]), pictures([product(130)]))
    assert found.unexplained[0] < 0.02 and found.product[0] == pytest.approx(32, abs=10)  # with the edge, which is partly white
    assert evidence(pictures([product(90)]), pictures([product(92)])).product[0] < 4


def test_colours_are_compared_where_the_map_puts_them():
    image = SCENES[0]
    red, green, blue = image.split()
    found = evidence(pictures([image, image]), pictures([image, Image.merge("RGB", (blue, green, red))]))
    assert found.colour[0] < 0.5 and (np.isnan(found.colour[1]) or found.colour[1] > 7)


def test_figures_depend_on_their_own_pair_alone():
    first, second = pictures(SCENES), pictures([MOVES["turned by 3 degrees"](image) for image in SCENES])
    whole = np.stack(evidence(first, second))
    for place in (0, 7):
        at = np.array([place])
        np.testing.assert_array_equal(np.stack(evidence(first.at(at), second.at(at)))[:, 0], whole[:, place])
