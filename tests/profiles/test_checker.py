import re
from datetime import date
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ganray.images.provenance import EditLabel, Label, encode_labelled, read_label
from ganray.profiles import profile
from ganray.profiles.checker import check, label_kept
from tests.tools.manifest_store import actions, manifest, put, store

AMAZON = profile("amazon-main")


def failed(data, name="amazon-main", **options):
    return {finding.rule for finding in check(data, profile(name), **options).failed}


def bytes_of(image, format="PNG", **options):
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def test_a_picture_as_it_should_be_passes(shot):
    report = check(shot(), AMAZON)
    assert report.passed and (report.width, report.height) == (600, 600)
    assert report.product == pytest.approx(540, abs=6)


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        ({"fill": 0.7}, {"fill"}),
        ({"side": 400}, {"long_side"}),
        ({"ground": (254, 255, 255)}, {"background"}),
        ({"ground": (230, 230, 230)}, {"background"}),
        ({"format": "WEBP", "lossless": True}, {"format"}),
        ({"mode": "RGBA", "format": "PNG"}, set()),
    ],
)
def test_each_rule_fails_alone(shot, options, rules):
    assert failed(shot(**options)) == rules


def test_white_one_level_off_is_off_and_says_how_many(shot):
    pixels = np.array(Image.open(BytesIO(shot(format="PNG"))))
    pixels[3, 4] = 254
    finding = next(f for f in check(bytes_of(Image.fromarray(pixels)), AMAZON).failed)
    assert finding.rule == "background" and finding.found.startswith("1 of ") and finding.mend == "white"


def test_dirt_is_no_product_and_a_shadow_is_no_white(shot):
    pixels = np.array(Image.open(BytesIO(shot(format="PNG"))))
    dirty, shaded = pixels.copy(), pixels.copy()
    dirty[20:24, 20:24] = 0
    shaded[580:592, 180:420] = 251
    assert failed(bytes_of(Image.fromarray(dirty))) == {"background"}
    assert check(bytes_of(Image.fromarray(dirty)), AMAZON).product == 540
    assert failed(bytes_of(Image.fromarray(shaded))) == {"background"}


def test_a_white_patch_in_a_product_is_no_background(shot):
    pixels = np.array(Image.open(BytesIO(shot(format="PNG"))))
    pixels[240:360, 240:360] = 252
    assert failed(bytes_of(Image.fromarray(pixels))) == set()


def test_bytes_are_counted(shot):
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 255, (1010, 1010, 3), np.uint8))
    assert "bytes" in failed(bytes_of(noise), "coupang")


def test_cmyk_alpha_and_16_bits(shot):
    image = Image.open(BytesIO(shot()))
    cmyk = bytes_of(image.convert("CMYK"), "JPEG")
    assert "colour" in failed(cmyk, "walmart-main")
    assert "colour" not in {finding.rule for finding in check(cmyk, AMAZON).findings}
    clear = image.convert("RGBA")
    clear.putpixel((0, 0), (255, 255, 255, 0))
    assert failed(bytes_of(clear)) == {"alpha"}
    assert "alpha" not in failed(bytes_of(clear), "shopify")
    deep = Image.fromarray(np.full((600, 600), 65535, np.uint16))
    assert "colour" in failed(bytes_of(deep), "walmart-main")


def test_what_cannot_be_read_is_a_finding(shot):
    frames = [Image.new("RGB", (20, 20), (i * 80, 0, 0)) for i in range(3)]
    moving = bytes_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    for data, why in ((b"", "empty"), (b"no picture", "unknown_format"), (shot()[:3000], "truncated"), (moving, "animated")):
        report = check(data, AMAZON)
        assert not report.passed
        assert [finding.rule for finding in report.findings] == ["readable"] and why in report.findings[0].found


def test_one_pixel_has_a_report_under_every_profile():
    data = bytes_of(Image.new("RGB", (1, 1), (9, 9, 9)))
    assert {"long_side"} <= failed(data)
    assert failed(data, "shopify") == set()
    assert failed(bytes_of(Image.new("RGB", (600, 600), (255, 255, 255)))) == {"fill"}  # nothing to be seen


def test_a_rule_to_come_is_told_and_fails_nothing_today(shot):
    report = check(shot(side=300, fill=0.8), profile("google-main"), day=date(2026, 11, 26), kind="apparel")
    assert report.passed
    assert {(finding.rule, finding.since) for finding in report.advice if finding.since} == {
        ("width", date(2027, 1, 31)),
        ("height", date(2027, 1, 31)),
    }
    assert failed(shot(side=300, fill=0.8), "google-main", day=date(2027, 1, 31)) == {"width", "height"}
    assert failed(shot(side=200, fill=0.8), "google-main", day=date(2026, 11, 26), kind="apparel") == {"width", "height"}


def test_a_picture_that_said_ai_must_still_say_so(shot):
    pixels = np.array(Image.open(BytesIO(shot())))
    made = encode_labelled(pixels, "jpeg", Label("digest", "sku", 1))
    mixed = encode_labelled(pixels, "jpeg", Label("digest", "sku", 1, kind="compositeWithTrainedAlgorithmicMedia"))
    assert "label" in failed(shot(), source=made)
    assert failed(mixed, source=made) == set()
    assert failed(shot(), source=shot()) == set()
    assert not label_kept(AMAZON.on(), shot(), mixed).ok


def test_a_label_that_stands_in_credentials_alone_is_seen(shot):
    pixels = np.array(Image.open(BytesIO(shot(format="PNG"))))
    source = put(pixels, "PNG", store(manifest("urn:c2pa:1", actions("trainedAlgorithmicMedia"))))
    assert failed(source) == {"synthetic"}
    assert not label_kept(profile("google-main").on(), shot(), source).ok
    kept = encode_labelled(pixels, "png", EditLabel("[]", "d", "r", 1, "e", read_label(source)))
    assert label_kept(profile("google-main").on(), kept, source).ok and failed(kept) == {"synthetic"}


def test_no_fully_synthetic_main_image_at_amazon(shot):
    made = encode_labelled(np.array(Image.open(BytesIO(shot()))), "jpeg", Label("digest", "sku", 1))
    assert failed(made) == {"synthetic"}
    assert "synthetic" not in failed(made, "google-main")


def ring(hole, ground=(255, 255, 255)):
    image = Image.new("RGB", (1000, 1000), ground)
    pen = ImageDraw.Draw(image)
    pen.ellipse((60, 60, 940, 940), fill=(190, 150, 40))
    pen.ellipse((260, 260, 740, 740), fill=hole)
    return bytes_of(image, "JPEG", quality=92)


def test_ground_that_was_left_in_a_ring_is_told():
    found = {finding.rule: finding for finding in check(ring((229, 229, 231)), AMAZON).findings}
    assert not found["enclosed"].ok and found["enclosed"].level == "should"
    assert re.match(r"1[78]\.\d % of the frame inside the product is flat and about \(229, 229, 231\)", found["enclosed"].found)
    assert "enclosed" not in {finding.rule for finding in check(ring((255, 255, 255)), AMAZON).findings if not finding.ok}


def test_a_part_of_the_frame_that_is_nearly_white_is_told():
    image = Image.new("RGB", (600, 600), "white")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 420, 599, 599), fill=(240, 240, 241))
    pen.rectangle((36, 60, 564, 384), fill=(40, 80, 120))
    finding = next(finding for finding in check(bytes_of(image), AMAZON).failed if finding.rule == "background")
    assert "nearly of that colour" in finding.found
