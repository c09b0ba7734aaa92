"""What of a matte is product: sets and thin things; and dust, which is none."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ganray.edits.matting import with_matte
from ganray.edits.parts import longest_part, without_specks
from ganray.edits.photo import Photo
from ganray.errors import EditError
from tests.tools.edit_tools import Lent

GROUND = (236, 236, 234)


def photo(draw, side=1000):
    image = Image.new("RGB", (side, side), GROUND)
    draw(ImageDraw.Draw(image))
    noise = np.random.default_rng(0).normal(0, 1, (side, side, 1))
    return Photo(np.clip(np.rint(np.array(image) + noise), 0, 255).astype(np.uint8))


THIN = {
    "a rod": lambda pen: pen.line((500, 20, 500, 980), fill=(60, 60, 62), width=4),
    "a slanted needle": lambda pen: pen.line((200, 900, 800, 100), fill=(90, 90, 95), width=5),
    "a cable": lambda pen: pen.arc((150, 150, 850, 850), 20, 330, fill=(20, 20, 20), width=6),
    "a chain": lambda pen: [pen.ellipse((480, top, 510, top + 44), outline=(160, 130, 50), width=6) for top in range(60, 900, 36)],
}


@pytest.mark.parametrize("name", THIN)
def test_thin_things_are_products(name):
    found = with_matte(photo(THIN[name]), Lent())
    assert found.facts["matte_share"] < 0.05
    assert longest_part(found.matte > 0.5) > 680


def test_dust_alone_is_no_product():
    def dust(pen):
        for x, y in np.random.default_rng(1).integers(50, 950, (12, 2)).tolist():
            pen.ellipse((x, y, x + 4, y + 4), fill=(120, 120, 120))

    with pytest.raises(EditError) as raised:
        with_matte(photo(dust), Lent())
    assert raised.value.reason == "no_product"


def test_a_second_product_of_a_set_stays():
    def draw(pen):
        pen.rounded_rectangle((100, 100, 560, 900), 40, fill=(40, 80, 120))
        pen.ellipse((680, 600, 860, 780), fill=(150, 40, 40))

    found = with_matte(photo(draw), Lent())
    assert found.matte[690, 770] == 1 and found.matte[500, 300] == 1


def test_an_arm_that_the_frame_cuts_off_stays_before_a_studio_s_ground():
    """Even a pale one beside a dark product; a line to the border does not, and nothing does on a rough floor."""

    def draw(pen):
        pen.rounded_rectangle((300, 200, 700, 900), 40, fill=(30, 40, 60))
        pen.line((160, -20, 120, 250), fill=(206, 190, 176), width=56)
        pen.line((860, -20, 860, 260), fill=(120, 120, 120), width=5)

    found = with_matte(photo(draw), Lent()).matte
    assert found[150, 134] == 1 and found[120, 860] == 0
    floor = photo(draw)
    rough = np.random.default_rng(2).normal(0, 9, (*floor.size, 1))
    found = with_matte(Photo(np.clip(np.rint(floor.pixels + rough), 0, 255).astype(np.uint8)), Lent()).matte
    assert found[150, 134] == 0 and found[500, 500] == 1


def test_what_is_left_out_is_told():
    """Five crumbs beside a cup: none of them is long, and together they are a share of the matte."""

    def draw(pen):
        pen.rounded_rectangle((350, 350, 650, 650), 40, fill=(40, 80, 120))
        for top in range(80, 900, 180):
            pen.ellipse((60, top, 96, top + 36), fill=(150, 120, 60))

    found = with_matte(photo(draw), Lent())
    assert found.matte[98, 78] == 0
    assert 0.01 < found.facts["dropped_share"] < 0.2


def test_the_share_that_is_dropped_is_of_the_matte():
    rough = np.zeros((100, 100), np.float32)
    rough[20:60, 20:60] = 1
    rough[90:94, 90:94] = 1
    kept, dropped = without_specks(rough)
    assert kept[92, 92] == 0 and kept[40, 40] == 1
    assert dropped == pytest.approx(16 / 1616, abs=1e-3)
    assert longest_part(rough > 0.5) == 42 and longest_part(rough > 2) == 0
