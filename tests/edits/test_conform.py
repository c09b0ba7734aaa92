import numpy as np
import pytest

from ganray.edits import Photo, apply_chain, parse_chain
from ganray.edits.fitting import encode_to_fit
from ganray.errors import EditError, RequestError
from ganray.profiles import PROFILES, profile
from ganray.profiles.checker import check

ALL = sorted(PROFILES())
LARGE = {"walmart-main", "safe-master", "zalando-packshot"}


def conformed(photo, name, tools, before=(), **told):
    return apply_chain(photo, parse_chain([*before, {"conform": {"profile": name, **told}}]), tools)


def report(photo, name, **told):
    return check(encode_to_fit(photo.pixels, photo.output)[0], profile(name), **told)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("before", [(), ("white",), ("cutout",)])
def test_what_conform_passes_the_checker_passes(photo, tools, name, before):
    side = 2700 if name in LARGE else 1000
    found = conformed(photo(side * 3 // 4, side), name, tools, before)
    result = report(found, name)
    assert result.passed, [str(finding) for finding in result.failed]
    rules = profile(name).on()
    if rules.fill and (before or rules.background.kind != "any"):
        assert [str(finding) for finding in result.advice if finding.rule in ("fill", "aspect")] == []
        assert found.facts["fill"] == pytest.approx(rules.fill.aim, abs=0.02)
    assert found.matte is None and not found.cut


def test_the_far_background_is_exactly_white_in_the_jpeg(photo, tools):
    from ganray.images.codec import decode

    found = conformed(photo(), "amazon-main", tools)
    data, quality = encode_to_fit(found.pixels, found.output)
    assert quality == 92 and data.startswith(b"\xff\xd8")
    pixels = decode(data).pixels
    height, width = pixels.shape[:2]
    assert (pixels[: height // 40] == 255).all() and (pixels[:, : width // 4] == 255).all()


def test_a_product_of_the_right_size_keeps_its_own_pixels(photo, tools):
    given = photo(ground=(255, 255, 255), cut=True)
    found = conformed(given, "amazon-main", tools)
    assert found.facts["scale"] == pytest.approx(1, abs=0.002)


def test_nothing_is_enlarged(photo, tools):
    with pytest.raises(EditError, match="asks for at least 500x500.*Put upscale before conform") as caught:
        conformed(photo(300, 400), "amazon-main", tools)
    assert caught.value.reason == "profile"
    with pytest.raises(EditError, match="Send a larger photo"):
        conformed(photo(100, 120), "safe-master", tools)


def test_a_little_more_room_rather_than_an_enlargement(photo, tools):
    given = photo(450, 540)  # 432 px of product: 485 px at the fill that is aimed at, 500 px at one that is allowed
    found = conformed(given, "amazon-main", tools)
    assert found.size == (500, 500) and 0.85 < found.facts["fill"] < 0.89
    assert report(found, "amazon-main").passed


def test_a_photo_without_a_product_is_taken_whole_where_any_background_will_do(photo, tools):
    scene = photo(900, 1200, clutter=True)
    found = conformed(scene, "shopify", tools)
    assert found.size == (1200, 1200)
    assert (found.pixels[:, 150:1050] == scene.pixels).all() and (found.pixels[:, :149] == 255).all()
    assert report(found, "shopify").passed
    with pytest.raises(EditError) as caught:
        conformed(scene, "amazon-main", tools)
    assert caught.value.reason == "no_network"


def test_a_plain_ground_goes_on_beyond_the_photo(photo, tools):
    found = conformed(photo(700, 1200), "shopify", tools)
    edge = np.concatenate([found.pixels[:, 0], found.pixels[:, -1]]).astype(int)
    assert found.size[0] == found.size[1] and np.abs(edge - (222, 214, 200)).max() <= 4


def test_specks_of_the_matte_are_no_product(photo, tools):
    given = photo(cut=True)
    matte = given.matte.copy()
    matte[5:9, 5:9] = 1
    found = conformed(Photo(given.pixels, matte, True), "amazon-main", tools)
    assert report(found, "amazon-main").passed
    assert found.facts["fill"] == pytest.approx(0.89, abs=0.01)


def test_white_on_white_is_no_product(tools):
    pixels, matte = np.full((800, 800, 3), 252, np.uint8), np.zeros((800, 800), np.float32)
    matte[200:600, 200:600] = 1
    with pytest.raises(EditError, match="differs from the background") as caught:
        conformed(Photo(pixels, matte), "amazon-main", tools)
    assert caught.value.reason == "no_product"


def test_one_pixel(tools):
    dot = Photo(np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(EditError) as caught:
        conformed(dot, "amazon-main", tools)
    assert caught.value.reason == "too_small"
    assert conformed(dot, "shopify", tools).size == (1, 1)
    with pytest.raises(EditError) as caught:
        conformed(dot, "ebay-main", tools)
    assert caught.value.reason == "profile"


def test_twice_is_the_same_bytes(photo, tools):
    first, second = (conformed(photo(), "coupang", tools) for _ in range(2))
    assert encode_to_fit(first.pixels, first.output) == encode_to_fit(second.pixels, second.output)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"profile": "amazn"}, "profile 'amazn' is unknown.*amazon-main"),
        ({"profile": "amazon-main", "format": "webp"}, "takes no webp.*jpeg, png"),
        ({"profile": "amazon-main", "kind": "shoes"}, "kind 'shoes'"),
        ({"profile": "amazon-main", "day": "soon"}, "day"),
        ({"profile": "amazon-main", "fil": 1}, "Its parameters are profile"),
    ],
)
def test_a_wrong_parameter_is_told_before_any_photo(told, message):
    with pytest.raises(RequestError, match=message):
        parse_chain([{"conform": told}])


def test_the_rules_of_a_day(photo, tools):
    small = photo(330, 440)
    assert conformed(small, "google-main", tools, day="2026-12-01").size[0] < 500
    with pytest.raises(EditError):
        conformed(photo(240, 320), "google-main", tools)
