import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ganray.profiles import reading
from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY, UNKNOWN
from ganray.profiles.foreground import foreground
from ganray.profiles.reading import Line, share_of, text_beside, turned_text, watermark_words


def line(words, box=(0.05, 0.02, 0.6, 0.08), score=0.95):
    return Line(box, words, score)


def test_what_is_beside_the_product_is_text_and_what_is_on_it_is_a_print(goods):
    seen = foreground(goods())
    assert text_beside([line("Only today")], seen).strength == CERTAIN
    assert text_beside([line("Harvard", (0.35, 0.4, 0.65, 0.48))], seen).strength == CLEAR
    assert text_beside([line("SALE 20% OFF", (0.35, 0.4, 0.65, 0.48))], seen).strength == LIKELY
    assert text_beside([line("Only today", score=0.4), line("a"), line("small", (0.05, 0.02, 0.1, 0.025))], seen).strength == CLEAR


def test_on_a_scene_a_text_may_be_a_print():
    scene = foreground(np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8))
    assert text_beside([line("Harvard")], scene).strength == LIKELY
    assert text_beside([line("Free shipping")], scene).strength == CERTAIN


def test_words_of_watermarks():
    assert watermark_words([line("www.shop.com")]).strength == LIKELY
    assert watermark_words([line("Harvard"), line("cotton")]).strength == CLEAR


def test_text_that_reads_better_turned_stands_on_its_head():
    assert turned_text([line("dols", score=0.3)], [line("shop today")]).strength == CERTAIN
    assert turned_text([line("shop today")], []).strength == CLEAR
    assert turned_text([], []).strength == UNKNOWN


def test_the_share_of_a_box():
    mask = np.zeros((10, 10), bool)
    mask[:, :5] = True
    assert share_of(mask, (0.0, 0.0, 1.0, 1.0)) == 0.5 and share_of(mask, (0.6, 0.2, 0.6, 0.2)) == 0.0


@pytest.mark.slow
def test_a_network_reads_the_words(goods):
    pytest.importorskip("rapidocr_onnxruntime")
    image = Image.fromarray(goods(box=(0.2, 0.3, 0.8, 0.95)))
    ImageDraw.Draw(image).text((30, 20), "Free shipping", (20, 20, 20), font=ImageFont.load_default(40))
    pixels = np.asarray(image)
    assert reading.is_there()
    lines, turned = reading.read(pixels), reading.read(np.ascontiguousarray(pixels[::-1, ::-1]))
    assert lines == reading.read(pixels) and "shipping" in lines[0].words.lower()
    assert text_beside(lines, foreground(pixels)).strength == CERTAIN
    assert turned_text(lines, turned).strength == CLEAR and turned_text(turned, lines).strength == CERTAIN
