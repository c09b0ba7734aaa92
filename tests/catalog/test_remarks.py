"""What an ingest tells the owner of the photos, in the summary and in catalog.json."""

import json

import numpy as np
import pytest

from ganray.catalog.reader import Catalog
from ganray.catalog.remarks import values_alike
from ganray.catalog.schema import Remarks
from ganray.config import IngestConfig
from ganray.images.codec import encode
from ganray.storage import open_store
from ganray.verbs.ingest import ingest, show


def photo(seed):
    return encode(np.random.default_rng(seed).integers(0, 256, (24, 24, 3), np.uint8), "png")


@pytest.fixture
def shop(tmp_path):
    """A function that ingests {key: bytes}; returns the catalog and the lines of its summary."""

    def ingested(photos, table="", **options):
        store = open_store(str(tmp_path / "shop"))
        for key, data in photos.items():
            store.put(key, data)
        if table:
            (tmp_path / "t.csv").write_text(table)
            options["table"] = str(tmp_path / "t.csv")
        info = ingest(IngestConfig(source=store.url, out=str(tmp_path / "out"), resolution=32, executor="local", **options))
        assert Catalog.open(str(tmp_path / "out")).info.remarks == info.remarks
        return info, show(info)

    return ingested


def some(folder, num, start=0):
    return {f"{folder}/{i}.png": photo(start + i) for i in range(num)}


def test_a_category_that_vanished_is_told_with_its_reasons(shop):
    broken = {f"shoes/{i}.heic": b"\0\0\0\x18ftypheic" for i in range(3)}
    info, text = shop({**some("mug", 3), **broken, "hats/a.png": photo(9), "hats/b.png": b"", "hats/c.png": b""})
    assert {name: (scarce.listed, scarce.accepted, scarce.reasons) for name, scarce in info.remarks.scarce.items()} == {
        "shoes": (3, 0, {"unknown_format": 3}),
        "hats": (3, 1, {"empty": 2}),
    }
    assert "warning: category shoes is gone: none of 3 can be used (unknown_format 3)" in text
    assert "warning: category hats has few images: 1 of 3 can be used (empty 2)" in text


def test_copies_between_categories_are_told(shop):
    info, text = shop({**some("mug", 3), "sale/x.png": photo(1), "sale/y.png": photo(50), "sale/z.png": photo(51)}, duplicates="exact")
    (copies,) = info.remarks.copies
    assert {copies.category, copies.kept_in} == {"mug", "sale"} and copies.photos == 1
    assert f"warning: 1 photos of category {copies.category} are left out: the same photos are kept in {copies.kept_in}" in text


def test_categories_that_differ_by_case_are_told(shop):
    info, text = shop({**some("Mug", 2), **some("mug", 3, 10)})
    assert info.remarks.alike == {"category": (("Mug", "mug"),)}
    assert "warning: values of category differ only by case: Mug 2, mug 3" in text
    assert values_alike(("H\u00fcte", "hu\u0308te", "cap")) == (("H\u00fcte", "hu\u0308te"),)


def test_objects_that_are_not_named_as_images_are_counted(shop):
    info, text = shop({**some("mug", 2), "mug/notes.pdf": b"x", "mug/IMG_1": b"x", "mug/.DS_Store": b"x", "mug/a.pdf": b"x"})
    assert info.remarks.passed_over == {".pdf": 2, "no suffix": 1, "hidden files": 1}
    assert "passed over, not named as images: .pdf 2, hidden files 1, no suffix 1" in text


def test_what_a_table_and_the_photos_do_not_agree_on_is_told(shop):
    table = "file,kind\nmug/0.png,mug\nmug/1.png,N/A\nmug/7.png,mug\n4.00638E+12,mug\n"
    info, text = shop(some("mug", 3), table, min_images=1)
    assert info.remarks.table.model_dump() == {"rows_without_image": 2, "lost_digits": 1, "missing": {"kind": 1}}
    for line in ("table: 2 rows without an image", "table: 1 numbers of the join column have lost digits", "read as empty: kind 1"):
        assert line in text


def test_a_catalog_without_remarks_says_nothing_of_them(shop, tmp_path):
    info, text = shop(some("mug", 3))
    assert "warning" not in text and "passed over" not in text
    assert "remarks" not in json.loads((tmp_path / "out" / "catalog.json").read_text()), "the file is that of earlier versions"
    assert info.remarks == Remarks()
