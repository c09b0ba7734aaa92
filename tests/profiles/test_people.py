import numpy as np
import pytest

from ganray.images.faces import can_find
from ganray.profiles import people
from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY, UNKNOWN

BOX = (40, 10, 12, 12)


def test_a_face_is_somebody():
    assert people.people([]).strength == CLEAR
    assert people.people([BOX]).strength == CERTAIN and "40, 10" in people.people([BOX]).found


def test_a_face_that_is_found_after_a_turn_stands_on_its_head():
    assert people.turned_face([], [BOX]).strength == LIKELY
    assert people.turned_face([BOX], []).strength == CLEAR
    assert people.turned_face([], []).strength == UNKNOWN


@pytest.mark.parametrize(("colour", "found"), [((222, 171, 135), True), ((120, 120, 120), True), ((40, 80, 200), False)])
def test_a_face_has_the_colour_of_skin_or_none(colour, found, monkeypatch):
    monkeypatch.setattr(people, "find_faces", lambda pixels: [(80, 20, 24, 24)])
    assert people.faces(np.full((200, 200, 3), colour, np.uint8)) == ([(40, 10, 12, 12)] if found else [])


@pytest.mark.slow
def test_goods_have_no_face(goods):
    if not can_find():
        pytest.skip("OpenCV 4 with its cascades is not installed")
    assert people.faces(goods()) == []
    assert people.faces(np.zeros((80, 80, 3), np.uint8)) == []
