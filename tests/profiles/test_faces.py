import numpy as np
import pytest

from ganray.profiles import faces
from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY, UNKNOWN

BOX = (40, 10, 12, 12)


def test_a_face_is_somebody():
    assert faces.people([]).strength == CLEAR
    assert faces.people([BOX]).strength == CERTAIN and "40, 10" in faces.people([BOX]).found


def test_a_face_that_is_found_after_a_turn_stands_on_its_head():
    assert faces.turned_face([], [BOX]).strength == LIKELY
    assert faces.turned_face([BOX], []).strength == CLEAR
    assert faces.turned_face([], []).strength == UNKNOWN


@pytest.mark.slow
def test_goods_have_no_face(goods):
    if not faces.is_there():
        pytest.skip("OpenCV 4 with its cascades is not installed")
    assert faces.faces(goods()) == []
    assert faces.faces(np.zeros((80, 80, 3), np.uint8)) == []
