import numpy as np
import pytest
from PIL import Image, ImageDraw

from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY
from ganray.profiles.framing import border, collage


def framed(pixels, start, thick, ink):
    image = Image.fromarray(pixels)
    side = image.width - 1 - start
    ImageDraw.Draw(image).rectangle((start, start, side, side), outline=ink, width=thick)
    return np.asarray(image, np.float32)


@pytest.mark.parametrize(("start", "thick", "ink"), [(0, 3, (10, 10, 10)), (0, 14, (230, 120, 10)), (6, 4, (200, 20, 30))])
def test_a_frame_is_a_border_and_what_is_inside_has_none(goods, start, thick, ink):
    pixels = framed(goods(), start, thick, ink)
    evidence, inset = border(pixels)
    assert evidence.strength == CERTAIN and (start + thick) / 400 <= inset < 0.1
    cut = round(inset * 400)
    assert border(pixels[cut:-cut, cut:-cut])[0].strength == CLEAR


def test_backgrounds_and_rectangular_goods_are_no_borders(goods):
    book = np.full((400, 400, 3), 255, np.float32)
    book[20:380, 20:380] = (30, 60, 120)
    for pixels in (goods(), goods(on=np.full((400, 400, 3), 60)), book, np.full((400, 400, 3), 255)):
        assert border(pixels.astype(np.float32))[0].strength == CLEAR


def test_a_frame_that_may_be_for_sale_is_not_certain(goods):
    assert border(framed(goods(box=(0.3, 0.3, 0.7, 0.7)), 24, 30, (120, 80, 40)))[0].strength in (LIKELY, CLEAR)


def test_a_seam_between_two_scenes_is_a_collage():
    rng = np.random.default_rng(0)
    noise = [np.asarray(Image.fromarray(rng.integers(0, 255, (6, 4, 3)).astype(np.uint8)).resize((200, 400))) for _ in range(2)]
    both = np.concatenate(noise, 1).astype(np.float32)
    assert collage(both).strength in (CERTAIN, LIKELY)
    assert collage(np.concatenate([noise[0], np.full((400, 6, 3), 255, np.uint8), noise[1][:, 6:]], 1).astype(np.float32)).fault
    whole = np.asarray(Image.fromarray(rng.integers(0, 255, (6, 8, 3)).astype(np.uint8)).resize((400, 400), Image.Resampling.BICUBIC))
    assert collage(whole.astype(np.float32)).strength == CLEAR
