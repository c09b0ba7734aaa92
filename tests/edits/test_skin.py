import numpy as np
import pytest

from ganray.benchmarks.drawn_figures import SKINS, Cloth, Figure, draw_figure
from ganray.edits import skin as skin_module
from ganray.edits.materials import materials_of
from ganray.edits.palette import lab_of
from ganray.edits.skin import face_tones, head_tone, is_skin_like, person_in, thickness
from ganray.images.lab import to_lab

HAIR, BLUE = (38.0, 30.0, 28.0), (45.0, 80.0, 160.0)


def materials(figure):
    drawn = draw_figure(figure, 320)
    return materials_of(drawn.pixels, np.minimum(1, sum(drawn.shares.values())))


def test_a_face_has_the_tone_of_its_skin(monkeypatch):
    skin = (222.0, 171.0, 135.0)
    drawn = draw_figure(Figure((Cloth("dress", BLUE),), skin, HAIR), 600)
    head = np.argwhere(drawn.share("hair") > 0.5).mean(0)
    monkeypatch.setattr(skin_module, "find_faces", lambda pixels: [(round(head[1]) - 30, round(head[0]) - 10, 60, 60)])
    (tone,) = face_tones(drawn.pixels)
    assert np.linalg.norm(tone - to_lab(np.array(skin, np.uint8))) < 15
    monkeypatch.setattr(skin_module, "find_faces", lambda pixels: [(round(head[1]) - 30, 330, 60, 60)])
    assert face_tones(drawn.pixels) == []  # the dress


@pytest.mark.parametrize("skin", SKINS)
def test_skin_of_every_tone_is_like_skin(skin):
    assert is_skin_like(to_lab(np.array(skin, np.uint8)))


@pytest.mark.parametrize("name", ["red", "navy", "white", "black", "grey", "pink", "green", "mustard", "beige", "rust", "lavender"])
def test_most_cloth_is_not(name):
    assert not is_skin_like(lab_of(name))


@pytest.mark.parametrize("name", ["camel", "tan", "brown"])
def test_some_cloth_is(name):
    assert is_skin_like(lab_of(name))


@pytest.mark.parametrize("skin", SKINS[1::2])
def test_a_head_over_a_neck_shows_the_tone(skin):
    seen = materials(Figure((Cloth("dress", BLUE),), skin, HAIR))
    tone = head_tone(seen)
    assert tone is not None and np.linalg.norm(tone[1:] - to_lab(np.array(skin, np.uint8))[1:]) < 8
    person = person_in(seen, [])
    assert person.found == "head" and person.skin
    assert all(is_skin_like(seen.colours[name].lab) for name in person.skin)


def test_a_bag_has_no_head():
    pixels = np.full((120, 120, 3), 250, np.uint8)
    pixels[40:110, 20:100] = (193, 154, 107)
    seen = materials_of(pixels, (pixels[..., 0] < 240).astype(np.float32))
    assert (head_tone(seen) is None and person_in(seen, []) == ("", (), ())) or person_in(seen, []).skin == ()


def test_a_face_counts_more_than_a_head():
    seen = materials(Figure((Cloth("dress", BLUE),), SKINS[2], HAIR))
    assert person_in(seen, [to_lab(np.array(SKINS[2], np.uint8))]).found == "face"


def test_thickness_is_that_of_the_widest_part():
    mask = np.zeros((80, 80), bool)
    mask[10:70, 38:43] = True
    thin = thickness(mask)
    mask[30:60, 20:60] = True
    assert thickness(mask) > 3 * thin > 0 and thickness(np.zeros((80, 80), bool)) == 0
