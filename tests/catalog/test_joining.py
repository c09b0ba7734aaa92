from collections import Counter

import pytest

from ganray.catalog.attributes import load_attributes
from ganray.catalog.joining import Folders, Table, primary
from ganray.config import IngestConfig


def rows_of(joined, keys):
    return list(joined.rows(keys, joined.add(keys)))


def test_the_category_is_the_primary_attribute_or_else_the_first():
    assert (primary(("colour", "category")), primary(("colour", "size")), primary(())) == ("category", "colour", None)


def test_the_first_folder_is_the_category_and_the_name_without_suffix_the_sku():
    joined = Folders()
    assert rows_of(joined, ["mug/a.png", "cap/new/b.c.jpg", "loose.png"]) == [
        ("a", ("mug",), ""),
        ("b.c", ("cap",), ""),
        ("loose", (), "no_category"),
    ]
    assert joined.counts() == (Counter(mug=1, cap=1), Counter(no_category=1))
    assert joined.columns == ("attr:category",)


def test_without_any_folder_there_is_no_category():
    joined = Folders()
    assert rows_of(joined, ["a.png", "b.png"]) == [("a", (), ""), ("b", (), "")]
    assert (joined.names, joined.counts()) == ((), (Counter(), Counter()))


@pytest.fixture
def table(tmp_path):
    (tmp_path / "table.csv").write_text("file,sku,category\n1.png,S1,mug\ncaps/2.png,S2,cap\n3.png,S3,mug\n")
    return Table(load_attributes(IngestConfig(source="photos", table=str(tmp_path / "table.csv"), attributes=("category",), join="file")))


def test_rows_match_by_key_or_by_the_end_of_a_key(table):
    keys = ["shop/1.png", "caps/2.png", "other.png"]
    rows = rows_of(table, keys)
    assert [values for _, values, _ in rows] == [("mug",), ("cap",), ()]
    assert [reason for *_, reason in rows] == ["", "", "not_in_table"]
    assert table.counts() == (Counter(mug=1, cap=1), Counter(not_in_table=1))


def test_a_name_that_several_images_have_is_ambiguous(table):
    rows = rows_of(table, ["a/3.png", "b/3.png"])
    assert [reason for *_, reason in rows] == ["ambiguous", "ambiguous"]
    assert table.counts() == (Counter(), Counter(ambiguous=2))
