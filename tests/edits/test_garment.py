import numpy as np
import pytest

from ganray.benchmarks.drawn_figures import Cloth, Figure, draw_figure, dressed, solid
from ganray.benchmarks.recolor_pairs import pair
from ganray.edits.garment import find_garment, look, masked_garment, of_ground, reference_garment
from ganray.edits.photo import Photo
from ganray.errors import EditError
from ganray.images.lab import to_lab

SKIN, HAIR, BLUE, GREEN, GREY = (222.0, 171.0, 135.0), (38.0, 30.0, 28.0), (45.0, 80.0, 160.0), (60.0, 130.0, 80.0), (90.0, 90.0, 92.0)


def photo_of(figure):
    drawn = draw_figure(figure, 320)
    return drawn, Photo(drawn.pixels, matte=np.minimum(1, sum(drawn.shares.values())))


def test_the_region_is_the_garment_and_its_edge_lies_beside_skin():
    drawn, photo = photo_of(Figure((Cloth("dress", BLUE),), SKIN, HAIR))
    garment = find_garment(look(photo))
    assert garment.region.shape == photo.size
    assert (garment.region & solid(drawn.share("garment0"))).sum() > 0.98 * solid(drawn.share("garment0")).sum()
    inside = garment.region & ~garment.edge
    assert not (inside & solid(drawn.share("skin"))).any()
    assert np.linalg.norm(garment.ground.lab - to_lab(np.array(BLUE, np.uint8))) < 10 and garment.guards


def test_of_two_that_are_alike_in_size_what_the_other_picture_lacks_is_meant():
    outfit = Figure((Cloth("trousers", BLUE), Cloth("long", GREY)), SKIN, HAIR)
    _, photo = photo_of(outfit)
    _, reference = photo_of(dressed(outfit, GREEN))
    seen, shown = look(photo), look(reference)
    with pytest.raises(EditError, match="two parts may be meant"):
        find_garment(seen)
    garment = find_garment(seen, shown)
    assert np.linalg.norm(garment.ground.lab - to_lab(np.array(BLUE, np.uint8))) < 10
    target = reference_garment(shown, seen, garment)
    assert np.linalg.norm(target.ground.lab - to_lab(np.array(GREEN, np.uint8))) < 10


def test_what_the_reference_shows_unchanged_is_not_dyed():
    """Brown stripes beside brown skin are taken for skin: then the white trousers are the largest garment, and not what is meant."""
    both = pair(9)
    assert (both.source, both.target) == ("brown", "teal")
    seen, shown = (look(Photo(drawn.pixels, matte=np.minimum(1, sum(drawn.shares.values())))) for drawn in (both.photo, both.truth))
    with pytest.raises(EditError, match="the reference shows the colour of the largest part"):
        find_garment(seen, shown)


def test_what_a_mask_cuts_guards_itself_not():
    pixels = np.full((60, 60, 3), 250, np.uint8)
    pixels[10:50, 10:50], pixels[10:50, 40:50] = (45, 80, 160), (222, 171, 135)
    matte = np.zeros((60, 60), np.float32)
    matte[10:30, 10:40] = 1
    garment = masked_garment(Photo(pixels, matte=matte))
    np.testing.assert_array_equal(garment.region, matte > 0)
    blue = to_lab(np.array((45, 80, 160), np.uint8))
    assert garment.guards and all(np.linalg.norm(guard.lab - blue) > 10 for guard in garment.guards)


def test_stripes_are_not_of_the_ground():
    _, photo = photo_of(Figure((Cloth("dress", BLUE, "striped"),), SKIN, HAIR))
    garment = find_garment(look(photo))
    assert of_ground(to_lab(np.array([BLUE, (235, 235, 235)], np.uint8)), garment).tolist() == [True, False]
