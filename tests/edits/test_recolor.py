from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from ganray.benchmarks.drawn_figures import Cloth, Figure, draw_figure, dressed, solid
from ganray.benchmarks.recolor_pairs import pair
from ganray.catalog.sample import draw, product
from ganray.edits import EDITS, apply_chain, parse_chain
from ganray.edits.matting import UNCONFIRMED
from ganray.edits.palette import rgb_of
from ganray.edits.photo import Photo
from ganray.edits.recolor import RecolorParams, recolor
from ganray.errors import EditError, RequestError
from ganray.images.lab import to_lab
from ganray.metrics.paired import delta_e_2000, ssim_lightness


class Tools:
    """No networks; pictures as they are given."""

    def __init__(self, **pictures) -> None:
        self.pictures = pictures

    def network(self, task):
        return None

    def picture(self, name):
        return self.pictures[name]

    def rng(self):
        return np.random.default_rng(0)


def photo_of(index: int, cluttered: float = 1.0, side: int = 128) -> Photo:
    """A sample product with its true matte."""
    pixels, mask = draw(product(3, index, cluttered), side)
    return Photo(pixels, matte=mask.astype(np.float32) / 255)


def difference(photo: Photo, colour: str) -> float:
    return float(np.median(delta_e_2000(to_lab(photo.pixels[photo.matte >= 0.95]), to_lab(rgb_of(colour)))))


@pytest.fixture(scope="module")
def results():
    names = ["navy", "red", "white", "black", "seagreen", "mustard", "pink", "teal", "burgundy", "grey"]
    items = [product(3, index) for index in range(60)]  # backpacks have straps and a side of a darker shade, which may be meant, too
    plain = [item.index for item in items if item.pattern == "plain" and item.category != "backpack"][:20]  # each colour twice
    photos = [photo_of(index) for index in plain]
    return [(photo, recolor(photo, RecolorParams(colour=names[i % 10]), Tools()), names[i % 10]) for i, photo in enumerate(photos)]


def test_the_product_becomes_the_colour(results):
    differences = [difference(after, colour) for _, after, colour in results]
    assert np.median(differences) <= 5
    assert np.median([difference(before, colour) for before, _, colour in results]) > 25
    assert np.median([after.facts["delta_e"] for _, after, _ in results]) <= 6


def test_outside_the_matte_no_bit_changes(results):
    for before, after, _ in results:
        np.testing.assert_array_equal(after.pixels[before.matte == 0], before.pixels[before.matte == 0])
        assert (after.pixels != before.pixels).any()


def test_texture_is_kept(results):
    assert np.median([ssim_lightness(before.pixels, after.pixels, before.matte > 0.5) for before, after, _ in results]) > 0.93
    kept = [recolor(before, RecolorParams(colour=colour, lightness=0), Tools()) for before, _, colour in results[:10]]
    assert np.median([ssim_lightness(before.pixels, after.pixels) for (before, *_), after in zip(results, kept, strict=False)]) > 0.99


def test_black_becomes_white_and_white_black():
    pixels = np.full((80, 80, 3), 235, np.uint8)
    folds = (28 + 6 * np.sin(np.arange(50) / 4)).astype(np.uint8)
    pixels[15:65, 15:65] = folds[None, :, None]
    white = recolor(Photo(pixels), RecolorParams(colour="white"), Tools())
    assert difference(white, "white") < 5
    inner = white.pixels[30, 20:60].astype(int)
    assert np.ptp(inner) > 5, "the folds are still there"
    black = recolor(Photo(white.pixels, matte=white.matte), RecolorParams(colour="black"), Tools())
    assert difference(black, "black") < 5


def test_a_print_of_another_hue_stays():
    pixels = np.full((100, 100, 3), 240, np.uint8)
    pixels[10:90, 10:90] = (180, 20, 30)
    pixels[40:60, 40:60] = (30, 60, 200)
    pixels[70:80, 40:60] = 245
    matte = np.zeros((100, 100), np.float32)
    matte[10:90, 10:90] = 1
    after = recolor(Photo(pixels, matte=matte), RecolorParams(colour="seagreen"), Tools())
    np.testing.assert_array_equal(after.pixels[42:58, 42:58], pixels[42:58, 42:58])
    np.testing.assert_array_equal(after.pixels[72:78, 42:58], pixels[72:78, 42:58])
    assert np.abs(after.pixels[20, 20].astype(int) - rgb_of("seagreen")).max() <= 3


def test_mixed_pixels_keep_their_background():
    """An edge of half product, half background has half of the new colour, and a matte that is too wide leaves the background alone."""
    pixels = np.full((60, 60, 3), 235, np.uint8)
    pixels[20:40, 20:40] = 20
    pixels[20:40, 40] = 128
    matte = np.zeros((60, 60), np.float32)
    matte[20:40, 20:40], matte[20:40, 40:43] = 1, 0.5
    after = recolor(Photo(pixels, matte=matte), RecolorParams(colour="pink"), Tools())
    assert after.pixels[30, 40].min() > 160
    assert np.abs(after.pixels[30, 42].astype(int) - 235).max() <= 45
    assert after.pixels[30, 42].max() <= 255 and after.pixels[30, 42].min() >= after.pixels[30, 30].min()


def test_by_reference_with_and_without_alpha():
    photo, target = photo_of(4), (200, 160, 30)
    shirt = np.full((64, 64, 3), 250, np.uint8)
    shirt[16:48, 16:48] = target
    alpha = np.zeros((64, 64), np.float32)
    alpha[16:48, 16:48] = 1
    swatch = np.full((40, 40, 3), target, np.uint8)
    tools = Tools(cut=(shirt, alpha), packshot=(shirt, None), swatch=(swatch, None))
    made = [recolor(photo, RecolorParams(reference=name), tools) for name in tools.pictures]
    assert {result.facts["colour"] for result in made} == {"#c8a01e"}
    # The target is found among other numbers of pixels, where Lab may round differently: half a level at most goes the other way.
    assert np.abs(made[0].pixels.astype(int) - made[2].pixels).max() <= 1


def test_equal_bytes_and_through_the_chain():
    photo = photo_of(2)
    steps = parse_chain(["recolor: dark green"])
    one, other = apply_chain(photo, steps, Tools()), apply_chain(photo, steps, Tools())
    assert one.pixels.tobytes() == other.pixels.tobytes()
    assert one.edits == ("recolor",) and EDITS["recolor"].source_type in one.source_types


@pytest.mark.parametrize("given", [{}, {"mask": "a"}, {"colour": "red", "reference": "a"}, {"colour": "blurple"}, {"colour": "#12345"}])
def test_what_is_no_colour_is_refused(given):
    with pytest.raises(RequestError, match="recolor"):
        parse_chain([{"recolor": given}])


def test_nothing_to_recolour():
    with pytest.raises(EditError) as caught:
        recolor(Photo(np.full((64, 64, 3), 255, np.uint8)), RecolorParams(colour="red"), Tools())
    assert caught.value.reason == "no_product"
    faint = Photo(np.full((64, 64, 3), 200, np.uint8), matte=np.full((64, 64), 0.4, np.float32))
    with pytest.raises(EditError, match="0 pixels"):
        recolor(faint, RecolorParams(colour="red"), Tools())


SKIN, HAIR = (222.0, 171.0, 135.0), (38.0, 30.0, 28.0)
BLUE, GREEN, CAMEL = (45.0, 80.0, 160.0), (60.0, 130.0, 80.0), (193.0, 154.0, 107.0)


def worn(*garments: Cloth, **pose) -> Figure:
    """A figure in these garments."""
    return Figure(garments, SKIN, HAIR, seed=3, **{"ground": 242.0, **pose})


drawn_once = cache(draw_figure)


def error_in(figure: Figure, target: tuple[float, float, float], **params) -> tuple[float, int, Photo]:
    """CIEDE2000 in the garment to the true photo, pixels of skin that changed, and the result."""
    drawn, truth = drawn_once(figure, 320), drawn_once(dressed(figure, target), 320, noisy=False)
    mask = np.rint(255 * drawn.share("garment0")).astype(np.uint8)[..., None].repeat(3, 2)
    after = recolor(Photo(drawn.pixels), RecolorParams(**params), Tools(truth=(truth.pixels, None), mask=(mask, None)))
    garment = drawn.share("garment0") > 0.5
    difference = delta_e_2000(to_lab(after.pixels[garment]), to_lab(truth.pixels[garment])).mean()
    changed = (after.pixels != drawn.pixels).any(2)
    return float(difference), int((changed & solid(drawn.share("skin"))).sum()), after


@pytest.mark.parametrize("pattern", ["plain", "striped", pytest.param("checked", marks=pytest.mark.long), "printed"])
def test_a_garment_on_a_person_is_found_and_skin_stays(pattern):
    difference, skin, after = error_in(worn(Cloth("dress", BLUE, pattern)), (150.0, 40.0, 60.0), reference="truth")
    assert difference < 4 and skin == 0
    assert 0.3 < after.facts["garment_share"] < 0.9 and after.facts["skin_share"] > 0.1


@pytest.mark.parametrize("target", [(240.0, 240.0, 238.0), (35.0, 35.0, 38.0), (160.0, 70.0, 50.0)])
def test_to_white_to_black_and_to_a_colour_near_skin(target):
    difference, skin, _ = error_in(worn(Cloth("dress", BLUE)), target, reference="truth")
    assert difference < 4 and skin == 0


def test_of_two_garments_the_reference_tells_which_is_meant():
    outfit = worn(Cloth("trousers", BLUE), Cloth("long", (90.0, 90.0, 92.0)))
    with pytest.raises(EditError, match="two parts may be meant .* Give a mask") as caught:
        error_in(outfit, GREEN, colour="green")
    assert caught.value.reason == "ambiguous_garment"
    difference, skin, _ = error_in(outfit, GREEN, reference="truth")
    assert difference < 4 and skin == 0


def test_a_mask_says_which():
    outfit = worn(Cloth("trousers", BLUE), Cloth("long", (90.0, 90.0, 92.0)))
    difference, skin, after = error_in(outfit, GREEN, reference="truth", mask="mask")
    assert difference < 4 and skin == 0 and after.matte is None
    drawn = drawn_once(outfit, 320)
    np.testing.assert_array_equal(after.pixels[drawn.share("garment0") == 0], drawn.pixels[drawn.share("garment0") == 0])


@pytest.mark.parametrize("target", [GREEN, (150.0, 40.0, 60.0)])
def test_checks_are_the_same_by_a_mask_as_where_they_are_found(target):
    """Most of a checked cloth has half of the dye: the colour of a reference is that of the whole dye, and so is what it replaces."""
    outfit = worn(Cloth("dress", BLUE, "checked"))
    difference, skin, _ = error_in(outfit, target, reference="truth", mask="mask")
    assert difference < 4 and skin == 0


def test_a_mask_takes_the_colour_at_its_place_of_a_reference():
    """White and grey are one material to the eye: the grey shirt above white trousers is none of their colour."""
    both = pair(32)
    assert (both.target, both.garments) == ("white", 2)
    mask = np.rint(255 * both.photo.share("garment0")).astype(np.uint8)[..., None].repeat(3, 2)
    tools = Tools(truth=(both.truth.pixels, None), mask=(mask, None))
    after = recolor(Photo(both.photo.pixels), RecolorParams(reference="truth", mask="mask"), tools)
    garment = both.photo.share("garment0") > 0.5
    assert delta_e_2000(to_lab(after.pixels[garment]), to_lab(both.truth.pixels[garment])).mean() < 4
    assert int(str(after.facts["colour"])[1:3], 16) > 200


def test_white_above_grey_may_be_two_garments():
    outfit = worn(Cloth("tee", (243.0, 243.0, 240.0)), Cloth("shorts", (150.0, 150.0, 148.0)), ground=225.0)
    with pytest.raises(EditError, match="light above and dark below.* Give a mask") as caught:
        error_in(outfit, GREEN, colour="green")
    assert caught.value.reason == "ambiguous_garment"
    difference, _, _ = error_in(outfit, GREEN, reference="truth", mask="mask")
    assert difference < 4


def test_a_garment_that_fades_into_the_ground_is_told_or_refused():
    """A shirt that is lit from one side: there it is as white as the ground, and would stay white."""
    pixels = np.full((200, 200, 3), 250, np.uint8)
    light = np.linspace(150, 250, 100)[None, :, None]
    pixels[50:150, 50:150] = light.astype(np.uint8)
    with pytest.raises(EditError, match="outline can hardly be told from the ground.* Give a mask") as caught:
        recolor(Photo(pixels), RecolorParams(colour="teal"), Tools())
    assert caught.value.reason == "ambiguous_garment"
    pixels[50:110, 50:150] = np.minimum(light, 190).astype(np.uint8)
    told = recolor(Photo(pixels), RecolorParams(colour="teal"), Tools()).facts
    assert told["doubt"] >= told["faint_outline"] > 0.02
    pixels[50:150, 50:150] = np.minimum(light, 190).astype(np.uint8)
    clear = recolor(Photo(pixels), RecolorParams(colour="teal"), Tools()).facts
    assert not {"faint_outline", "doubt"} & clear.keys()


def test_a_matte_that_was_given_does_not_end_where_colours_do():
    """A white product that was cut out stands beside nothing."""
    pixels = np.full((200, 200, 3), 250, np.uint8)
    matte = np.zeros((200, 200), np.float32)
    matte[50:150, 50:150] = 1
    for straight in (False, True):
        photo = Photo(pixels, matte=matte, alpha=matte if straight else None, straight=straight)
        assert "doubt" not in recolor(photo, RecolorParams(colour="teal"), Tools()).facts


def test_a_rough_floor_has_no_faint_outlines():
    """Noise makes every difference from it look small."""
    pixels = np.full((200, 200, 3), 200) + np.random.default_rng(0).normal(0, 5, (200, 200, 1))
    pixels[50:150, 50:150] = (200, 140, 120)
    facts = recolor(Photo(pixels.clip(0, 255).astype(np.uint8)), RecolorParams(colour="teal"), Tools()).facts
    assert "faint_outline" not in facts and facts["doubt"] == UNCONFIRMED


def test_soft_shades_of_grey_are_one_cloth():
    """Three tones that never meet in an edge are light, not a pattern: none is left as it was."""
    across = np.interp(np.arange(120), (0, 30, 45, 75, 90, 119), (240, 240, 170, 170, 110, 110))
    pixels = np.full((160, 160, 3), 60, np.uint8)
    pixels[20:140, 20:140] = across[None, :, None].astype(np.uint8)
    mask = np.zeros((160, 160, 3), np.uint8)
    mask[20:140, 20:140] = 255
    after = recolor(Photo(pixels), RecolorParams(colour="teal", mask="m"), Tools(m=(mask, None)))
    assert (after.pixels[24:136, 24:136] != pixels[24:136, 24:136]).any(2).mean() > 0.95


def test_a_mask_over_a_part_of_a_suit_that_a_reference_shows_otherwise():
    """A belt of another material at the same place of the reference is none of the suit's colour."""
    pixels = np.full((200, 140, 3), 250, np.uint8)
    pixels[20:180, 30:110] = (45, 80, 160)
    reference = pixels.copy()
    reference[96:106, 30:70], reference[96:106, 70:110] = (180, 40, 50), (40, 140, 60)
    mask = np.zeros((200, 140, 3), np.uint8)
    mask[99:102, 30:110] = 255
    after = recolor(Photo(pixels), RecolorParams(reference="r", mask="m"), Tools(r=(reference, None), m=(mask, None)))
    assert str(after.facts["colour"]).startswith("#")


def test_a_garment_of_the_tone_of_skin_is_refused():
    with pytest.raises(EditError, match="skin.* Give a mask") as caught:
        error_in(worn(Cloth("dress", SKIN)), GREEN, colour="green")
    assert caught.value.reason == "skin"


def test_a_coat_of_another_brown_than_skin_is_found():
    difference, skin, _ = error_in(worn(Cloth("dress", (96.0, 66.0, 40.0))), GREEN, reference="truth")
    assert difference < 4 and skin == 0


def test_a_tan_bag_alone_is_a_product():
    pixels = np.full((160, 160, 3), 250, np.uint8)
    light = (1 + 0.08 * np.sin(np.arange(100) / 9))[None, :, None]
    pixels[50:140, 30:130] = (np.array(CAMEL) * light).clip(0, 255).astype(np.uint8)
    pixels[25:50, 60:66] = pixels[25:50, 94:100] = pixels[25:31, 60:100] = (60, 45, 35)
    after = recolor(Photo(pixels), RecolorParams(colour="teal"), Tools())
    body = to_lab(after.pixels[60:130, 40:120]).reshape(-1, 3)
    assert float(delta_e_2000(np.median(body, 0), to_lab(rgb_of("teal")))) < 3
    assert "no person" in after.facts["skin_like"]


def test_far_islands_of_the_colour_stay():
    pixels = np.full((200, 120, 3), 250, np.uint8)
    pixels[10:90, 30:90] = (45, 80, 160)
    pixels[90:160, 40:80] = (200, 200, 90)
    pixels[160:172, 52:68] = (45, 80, 160)
    after = recolor(Photo(pixels), RecolorParams(colour="red"), Tools())
    np.testing.assert_array_equal(after.pixels[150:], pixels[150:])
    assert (after.pixels[20:80, 40:80] != pixels[20:80, 40:80]).any(2).all() and after.facts["doubt"] >= after.facts["left_share"] > 0


def test_a_pair_is_one_product():
    pixels = np.full((120, 200, 3), 250, np.uint8)
    pixels[40:90, 20:80], pixels[40:90, 120:180] = (45, 80, 160), (45, 80, 160)
    after = recolor(Photo(pixels), RecolorParams(colour="red"), Tools()).pixels
    np.testing.assert_array_equal(after[45:85, 25:75], after[45:85, 125:175])
    assert (after[45:85, 25:75] != pixels[45:85, 25:75]).any(2).all()


@pytest.mark.parametrize(("mask", "words"), [(np.zeros((80, 80, 3), np.uint8), "empty"), (np.full((8, 8, 3), 255, np.uint8), "8x8")])
def test_masks_that_are_none(mask, words):
    with pytest.raises(EditError, match=words) as caught:
        recolor(Photo(np.full((80, 80, 3), 90, np.uint8)), RecolorParams(colour="red", mask="m"), Tools(m=(mask, None)))
    assert caught.value.reason == "mask"


def test_a_mask_over_the_whole_frame_recolours_all_of_it():
    pixels = np.full((80, 80, 3), (40, 90, 60), np.uint8)
    after = recolor(Photo(pixels), RecolorParams(colour="red", mask="m"), Tools(m=(np.full((80, 80, 3), 255, np.uint8), None)))
    assert (after.pixels != pixels).any(2).all()
