import numpy as np
import pytest
from PIL import Image, ImageFilter

from ganray.profiles.evidence import CERTAIN, CLEAR, UNKNOWN
from ganray.profiles.sharpness import blur, edge_widths


def test_the_width_of_a_ramp_is_its_pixels():
    line = np.array([[0, 0, 25, 50, 75, 100, 100, 0]], np.float32)
    width, span = edge_widths(line)
    assert width[span == 100].tolist() == [4, 1]


@pytest.mark.parametrize("radius", [4, 8])
def test_out_of_focus_is_told_from_sharp(goods, jpeg, radius):
    assert blur(jpeg(goods())).strength == CLEAR
    soft = np.asarray(Image.fromarray(goods()).filter(ImageFilter.GaussianBlur(radius)))
    assert blur(jpeg(soft)).strength == CERTAIN


def test_a_picture_without_edges_is_not_judged():
    assert blur(np.full((200, 200, 3), 255, np.uint8)).strength == UNKNOWN
    ramp = np.linspace(0, 255, 200)[None, :, None] * np.ones((200, 1, 3))
    assert blur(ramp.astype(np.uint8)).strength in (UNKNOWN, CERTAIN)
