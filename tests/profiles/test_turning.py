import numpy as np
import pytest
from PIL import Image, ImageFilter

from ganray.profiles.evidence import CLEAR, LIKELY, UNKNOWN
from ganray.profiles.foreground import foreground
from ganray.profiles.turning import turned_shadow


@pytest.fixture
def standing(goods):
    shade = np.full((400, 400, 3), 255, np.uint8)
    shade[350:370, 80:320] = 170
    return goods(box=(0.2, 0.1, 0.8, 0.85), on=np.asarray(Image.fromarray(shade).filter(ImageFilter.GaussianBlur(7))))


def test_a_shadow_above_is_upside_down(standing):
    assert turned_shadow(foreground(standing)).strength == CLEAR
    assert turned_shadow(foreground(np.ascontiguousarray(standing[::-1, ::-1]))).strength == LIKELY


def test_without_a_shadow_nothing_tells(goods):
    assert turned_shadow(foreground(goods())).strength == UNKNOWN
