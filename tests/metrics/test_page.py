import base64
import re
from html import unescape

import numpy as np

from ganray.images.provenance import read_label
from ganray.metrics import FIGURES
from ganray.metrics.page import COMPOSITE_TYPE, GENERATED_TYPE, Pair, Pictures, enlarged, render_page, value_sheet

SHOES = {"num": 50, "generated": 0.41, "photos": 0.88, "verdict": "worse"}
HATS = {"num": 0, "generated": None, "photos": None, "verdict": "few"}
IMAGE = np.full((32, 32, 3), 200, np.uint8)
REPORT = {
    "model": {"url": "s3://shop/<model>", "digest": "abc", "num_images": 50_000},
    "catalog": {"url": "s3://shop/catalog", "digest": "def", "num_images": 3000},
    "extractor": {"url": "s3://shop/extractor", "digest": "123"},
    "resolution": 32,
    "num": 1500,
    "searched": 3000,
    "seed": 0,
    "software": "0.1.0",
    "scores": dict.fromkeys(FIGURES, 0.5),
    "floors": dict.fromkeys(FIGURES, 0.25),
    "accuracy": {
        "category": {"generated": 0.9, "photos": 0.98, "values": {"<shoes>": SHOES, "hats": HATS}},
        "brand": {"generated": None, "photos": 0.5, "values": {"acme": SHOES}},
    },
    "summary": "0 of 2 values; weakest: <shoes>",
}


def page(**changes):
    pairs = {"The closest": [Pair(IMAGE, IMAGE, 0.123, "cap, <red>")], "Typical": []}
    return render_page(REPORT | changes, Pictures(IMAGE, pairs, {"category": {"<shoes>": [(IMAGE, IMAGE)] * 2}}))


def test_every_figure_stands_beside_its_floor_and_its_meaning():
    text = page()
    for name, figure in FIGURES.items():
        assert figure.title in text
        assert figure.meaning in unescape(text), name
    assert "50.0 %" in text
    assert "held-out photos 25.0 %" in text
    assert "not asked for" in text


def test_it_says_how_many_photos_were_searched():
    assert page().count("among all 3,000 photos of the catalog") == 3
    assert page(searched=1024).count("among 1,024 of the 3,000 photos of the catalog") == 3
    assert "by imagenet: 4 images are one of them" in page(copies={"method": "imagenet", "found": 4})


def test_the_page_stands_alone_and_escapes_what_users_named():
    text = page()
    assert "s3://shop/&lt;model&gt;" in text
    assert "cap, &lt;red&gt;" in text
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'src="([^"]*)"', text))
    assert not re.search(r"https?://|<script|<link|\$\w", text)


def test_a_catalog_without_attributes_has_no_table_of_them():
    assert "Recognised as asked for" in page()
    assert "Recognised as asked for" not in page(accuracy={})


def test_values_of_what_was_asked_for_stand_beside_those_of_photos():
    text = page()
    assert '<p class="summary">0 of 2 values; weakest: &lt;shoes&gt;</p>' in text
    assert "Values of category" in text
    assert "Values of brand" not in text
    assert "&lt;shoes&gt;<small>worse than photos<br>50 of each</small></th><td>41.0 %</td><td>88.0 %</td>" in text
    assert "hats<small>too few to tell<br>0 of each</small></th><td>none</td><td>none</td><td></td>" in text


def test_an_attribute_of_many_values_has_its_worst_on_the_page():
    values = {f"value {place}": SHOES for place in range(103)}
    text = page(accuracy={"brand": {"generated": 0.9, "photos": 0.98, "values": values}})
    assert "value 99<" in text
    assert "value 100<" not in text
    assert "3 more values are in report.json" in text


def test_the_sheet_of_values_has_a_row_for_each():
    one, two = (value_sheet({"a": SHOES, "b": SHOES}, {name: [(IMAGE, IMAGE)] for name in names}) for names in ("a", "ab"))
    assert two.shape[1] == one.shape[1]
    assert len(two) > len(one) + 90


def test_small_pictures_are_enlarged_by_whole_numbers():
    sides = {side: len(enlarged(np.zeros((side, side, 3), np.uint8))) for side in (28, 32, 64, 256)}
    assert sides == {28: 84, 32: 96, 64: 64, 256: 256}


def test_generated_pictures_say_what_they_are():
    pictures = [base64.b64decode(data) for data in re.findall(r"base64,([A-Za-z0-9+/=]+)", page())]
    kinds = [read_label(picture).get("Iptc4xmpExt:DigitalSourceType", "").rpartition("/")[2] for picture in pictures]
    assert kinds == [COMPOSITE_TYPE, COMPOSITE_TYPE, GENERATED_TYPE, ""]  # a strip, the sheet, a generated image, the photo beside it
