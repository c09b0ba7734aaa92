import numpy as np
import pytest

from ganray.edits import Photo, apply_chain, parse_chain
from ganray.edits.fitting import encode_to_fit
from ganray.errors import EditError, RequestError
from ganray.profiles import PROFILES, content, profile
from ganray.profiles.checker import check

ALL = sorted(PROFILES())
SIDES = {"walmart-main": 1700, "safe-master": 2350, "zalando-packshot": 2350, "aliexpress-main": 1050, "taobao-main": 1050}  # others: 700
KINDS = ("amazon-main", "ebay-main", "tiktok-shop")  # a prescribed ground; any ground, and no ratio; any ground in a square
TWINS = ("walmart-main", "aliexpress-main", "taobao-main")  # as mercadolibre and tiktok-shop but for the least size


@pytest.fixture(autouse=True)
def without_faces(monkeypatch):
    """What looks for faces is an extra, takes longer than all the rest, and has no say in this."""
    monkeypatch.setattr(content, "can_find", lambda: False)


def conformed(photo, name, tools, before=(), **options):
    return apply_chain(photo, parse_chain([*before, {"conform": {"profile": name, **options}}]), tools)


def report(photo, name, **options):
    return check(encode_to_fit(photo.pixels, photo.output)[0], profile(name), **options)


def every_profile():
    """After `white` each profile, after nothing and after `cutout` one of each kind; in the long form all but the large ones."""
    for before in ((), ("white",), ("cutout",)):
        for name in ALL:
            short = name not in TWINS if before == ("white",) else name in KINDS
            if before == ("white",) or SIDES.get(name, 0) < 1100:
                yield pytest.param(before, name, id="-".join([name, *before]), marks=() if short else pytest.mark.long)


@pytest.mark.parametrize(("before", "name"), list(every_profile()))
def test_what_conform_passes_the_checker_passes(photo, tools, name, before):
    side = SIDES.get(name, 700)
    framed = conformed(photo(side * 3 // 4, side), name, tools, before)
    result = report(framed, name)
    assert result.passed, [str(finding) for finding in result.failed]
    rules = profile(name).on()
    if rules.fill and (before or rules.background.kind != "any"):
        assert [str(finding) for finding in result.advice if finding.rule in ("fill", "aspect")] == []
        assert rules.fill.min < framed.facts["fill"] < rules.fill.aim + 0.01
    assert framed.matte is None and not framed.cut


def test_the_far_background_is_exactly_white_in_the_jpeg(photo, tools):
    from ganray.images.codec import decode

    framed = conformed(photo(600, 800), "amazon-main", tools)
    data, quality = encode_to_fit(framed.pixels, framed.output)
    assert quality == 92 and data.startswith(b"\xff\xd8")
    pixels = decode(data).pixels
    height, width = pixels.shape[:2]
    assert (pixels[: height // 40] == 255).all() and (pixels[:, : width // 4] == 255).all()


def test_a_product_of_the_right_size_keeps_its_own_pixels(photo, tools):
    given = photo(ground=(255, 255, 255), cut=True)
    framed = conformed(given, "amazon-main", tools)
    assert framed.facts["scale"] == pytest.approx(1, abs=0.002)


def test_nothing_is_enlarged(photo, tools):
    with pytest.raises(EditError, match="asks for at least 500x500.*Put upscale before conform") as caught:
        conformed(photo(300, 400), "amazon-main", tools)
    assert caught.value.reason == "profile"
    with pytest.raises(EditError, match="Send a larger photo"):
        conformed(photo(100, 120), "safe-master", tools)


def test_a_little_more_room_rather_than_an_enlargement(photo, tools):
    given = photo(450, 540)  # 432 px of product: 485 px at the fill that is aimed at, 500 px at one that is allowed
    framed = conformed(given, "amazon-main", tools)
    assert framed.size == (500, 500) and 0.85 < framed.facts["fill"] < 0.89
    assert report(framed, "amazon-main").passed


def test_a_photo_without_a_product_is_taken_whole_where_any_background_will_do(photo, tools):
    scene = photo(900, 1200, clutter=True)
    framed = conformed(scene, "shopify", tools)
    assert framed.size == (1200, 1200)
    assert (framed.pixels[:, 150:1050] == scene.pixels).all() and (framed.pixels[:, :149] == 255).all()
    assert report(framed, "shopify").passed
    with pytest.raises(EditError) as caught:
        conformed(scene, "amazon-main", tools)
    assert caught.value.reason == "no_network"


def test_a_matte_that_only_frames_a_photo_on_its_own_floor_is_no_reason_to_refuse_it(photo, tools):
    scene = photo(900, 1200)
    noise = np.random.default_rng(0).normal(0, 5, (scene.size[0] // 6, scene.size[1] // 6, 1)).repeat(6, 0).repeat(6, 1)
    floor = Photo(np.clip(np.rint(scene.pixels * 0.8 + 20 + noise), 0, 255).astype(np.uint8))
    assert "doubt" in conformed(floor, "amazon-main", tools).facts
    own = conformed(floor, "shopify", tools).facts
    assert own["matte"] == "border" and float(own.get("doubt", 0.0)) == 0


def test_a_plain_ground_goes_on_beyond_the_photo(photo, tools):
    framed = conformed(photo(700, 1200), "shopify", tools)
    edge = np.concatenate([framed.pixels[:, 0], framed.pixels[:, -1]]).astype(int)
    assert framed.size[0] == framed.size[1] and np.abs(edge - (222, 214, 200)).max() <= 4


def test_specks_of_the_matte_are_no_product(photo, tools):
    given = photo(600, 800, cut=True)
    matte = given.matte.copy()
    matte[5:9, 5:9] = 1
    framed = conformed(Photo(given.pixels, matte, True), "amazon-main", tools)
    assert report(framed, "amazon-main").passed
    assert framed.facts["fill"] == pytest.approx(0.89, abs=0.01)


def test_white_on_white_is_no_product(tools):
    pixels, matte = np.full((800, 800, 3), 252, np.uint8), np.zeros((800, 800), np.float32)
    matte[50:750, 50:750] = 1
    with pytest.raises(EditError, match="does not differ from the background") as caught:
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
    first, second = (conformed(photo(600, 800), "coupang", tools) for _ in range(2))
    assert encode_to_fit(first.pixels, first.output) == encode_to_fit(second.pixels, second.output)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile": "amazn"}, "profile 'amazn' is unknown.*amazon-main"),
        ({"profile": "amazon-main", "format": "webp"}, "does not accept webp.*jpeg, png"),
        ({"profile": "amazon-main", "kind": "shoes"}, "kind 'shoes'"),
        ({"profile": "amazon-main", "day": "soon"}, "day"),
        ({"profile": "amazon-main", "fil": 1}, "Its parameters are profile"),
    ],
)
def test_a_wrong_parameter_is_told_before_any_photo(options, message):
    with pytest.raises(RequestError, match=message):
        parse_chain([{"conform": options}])


def test_the_rules_of_a_day(photo, tools):
    small = photo(330, 440)
    assert conformed(small, "google-main", tools, day="2026-12-01").size[0] < 500
    with pytest.raises(EditError):
        conformed(photo(240, 320), "google-main", tools)
