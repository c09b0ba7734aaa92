from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ganray.catalog.attributes import load_attributes
from ganray.catalog.joining import Table
from ganray.config import IngestConfig
from ganray.errors import CatalogError, ObjectNotFound

CSV = """file,sku,colour,price,constant,title
a/1.jpg,S1,red,9.99,x,"Red shirt, long"
a/2.jpg,S2,blue,19.00,x,Blue cup
b/1.jpg,007,,5,x,Third
b/4.jpg,S4,red,5,x,Fourth
"""


def load(tmp_path, text: str = CSV, **options):
    (tmp_path / "t.csv").write_text(text)
    return load_attributes(IngestConfig(table=str(tmp_path / "t.csv"), **options))


def test_useful_columns_are_chosen(tmp_path):
    table = load(tmp_path, max_values=3)
    assert table.names == ("colour",)  # sku and file join, price is a number, constant is constant, title has too many values
    assert load(tmp_path, attributes=("price", "colour")).names == ("price", "colour")
    assert table.skus == ["S1", "S2", "007", "S4"]
    assert [table.of(row) for row in range(4)] == [("red",), ("blue",), ("",), ("red",)]


def test_titles_are_no_attribute(tmp_path):
    table = load(tmp_path, title="title")
    assert table.names == ("colour",)
    assert table.columns == ("attr:colour", "title")
    assert [table.of(row) for row in (0, 2)] == [("red", "Red shirt, long"), ("", "Third")]
    assert load(tmp_path, title="colour", attributes=("colour", "title")).of(2) == ("", "Third", "")  # one column may be both
    assert load(tmp_path, max_values=3).columns == ("attr:colour",)


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("a/1.jpg", 0),
        ("deep/er/a/1.jpg", 0),
        ("b/1.jpg", 2),
        ("2.jpg", 1),
        ("1.jpg", None),
        ("c/1.jpg", None),
        ("c/2.jpg", None),
        ("a/1.png", None),
    ],
)
def test_files_join_by_whole_tails_of_paths(tmp_path, key, row):
    assert load(tmp_path).find(key) == row


def joined(attributes, keys: list[str]) -> list[tuple[str, ...] | str]:
    """What a table says of each image, whether they are seen at once or one by one: attributes, or the reason why it says nothing."""
    at_once, by_one = Table(attributes), Table(attributes)
    matches = at_once.add(keys)
    rows = list(at_once.rows(keys, matches))
    parts = [by_one.add([key]) for key in keys]
    assert rows == [row for key, part in zip(keys, parts, strict=True) for row in by_one.rows([key], part)]
    assert at_once.counts() == by_one.counts()
    usable, reasons = at_once.counts()
    assert usable == Counter(row[1][0] for row in rows if not row[2])
    assert reasons == Counter(row[2] for row in rows if row[2])
    return [row[2] or row[1] for row in rows]


def test_a_file_name_that_several_images_have_is_ambiguous_and_a_sku_is_not(tmp_path):
    table = load(tmp_path, "file,kind\n1.png,x\n2.png,y\nmugs/3.png,x\n")
    keys = ["mugs/1.png", "caps/1.png", "caps/2.png", "mugs/3.png", "3.png", "a/mugs/3.png", "4.png"]
    assert joined(table, keys) == ["ambiguous", "ambiguous", ("y",), ("x",), "ambiguous", "ambiguous", "not_in_table"]
    assert joined(load(tmp_path, join="sku"), ["front/S1.jpg", "back/S1.jpg", "S1/3.jpg"]) == [("red", "Red shirt, long")] * 3


@pytest.mark.parametrize(
    ("key", "row"), [("S1.jpg", 0), ("any/where/007.webp", 2), ("S4/front.jpg", 3), ("S9.jpg", None), ("S1-front.jpg", None)]
)
def test_skus_join_by_stem_or_folder(tmp_path, key, row):
    assert load(tmp_path, join="sku").find(key) == row


def test_windows_and_dot_paths_join(tmp_path):
    table = load(tmp_path, "path,kind\n./a\\1.jpg,x\n/b/2.jpg,y\n")
    assert (table.find("a/1.jpg"), table.find("b/2.jpg")) == (0, 1)


def test_parquet_and_tab_separated_tables(tmp_path):
    pq.write_table(pa.table({"SKU": [1, 2], "kind": ["x", None], "tone": pa.array(["a", "b"]).dictionary_encode()}), tmp_path / "t.parquet")
    table = load_attributes(IngestConfig(table=str(tmp_path / "t.parquet")))
    assert (table.names, table.find("2.jpg"), table.of(1)) == (("kind", "tone"), 1, ("", "b"))
    assert load(tmp_path, "sku\tkind\n1\tx, y\n2\tz\n").of(0) == ("x, y",)


NESTED = {
    "struct": [{"size": "L"}, {"size": "M"}],
    "list": [["a"], ["b"]],
    "map": pa.array([[("size", "L")], [("size", "M")]], pa.map_(pa.string(), pa.string())),
    "fixed_size_list": pa.array([[1, 2], [3, 4]], pa.list_(pa.int8(), 2)),
    "binary": [b"\xff\xd8", b"\xff\xd9"],  # pictures in the table
}


@pytest.mark.parametrize("kind", NESTED)
def test_a_column_of_parts_is_no_attribute(tmp_path, kind):
    pq.write_table(pa.table({"sku": ["1", "2"], "attributes": NESTED[kind], "tone": ["a", "b"]}), tmp_path / "t.parquet")
    config = IngestConfig(table=str(tmp_path / "t.parquet"))
    assert load_attributes(config).names == ("tone",)
    with pytest.raises(CatalogError, match=f"t.parquet: column 'attributes' holds {kind} values, which are not text. Omit it"):
        load_attributes(config.model_copy(update={"attributes": ("tone", "attributes")}))
    with pytest.raises(CatalogError, match=f"column 'attributes' holds {kind} values"):
        load_attributes(config.model_copy(update={"join": "attributes"}))


def test_text_that_old_writers_call_bytes_is_text_where_it_is_named(tmp_path):
    pq.write_table(pa.table({"sku": [b"1", b"2"], "tone": [b"a", b"b"], "kind": ["x", "y"]}), tmp_path / "t.parquet")
    table = load_attributes(IngestConfig(table=str(tmp_path / "t.parquet"), attributes=("tone", "kind")))
    assert (table.find("2.jpg"), table.of(1)) == (1, ("b", "y"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"join": "ean"}, "no column 'ean'. Name the one that holds the file or the SKU with --join; it has: file, sku, colour"),
        ({"attributes": ("size",)}, "no column 'size'. It has: file"),
        ({"title": "name"}, "no column 'name'. It has: file, sku, colour"),
        ({"attributes": ("title",), "max_values": 2}, "'title' has 4 values, max_values is 2"),
        ({"max_values": 1}, "no useful column besides 'file'"),
    ],
)
def test_what_cannot_be_used_is_one_clear_line(tmp_path, options, message):
    with pytest.raises(CatalogError) as caught:
        load(tmp_path, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,kind\nx,y\n", "has no column 'file' or 'filename' or 'path' or 'sku'"),
        ("file,kind\na.jpg,x\nb.jpg,y\na.jpg,z\n", "column 'file' has duplicate 'a.jpg' \\(2 rows\\)"),
        ("file,kind\n,x\n,y\n,z\na.jpg,x\na.jpg,z\n", "column 'file' has duplicate 'a.jpg' \\(2 rows\\)"),
        ("file,kind\na.jpg\nb.jpg,y,z\n", "is not a table"),
        ("", "is not a table"),
    ],
)
def test_broken_tables(tmp_path, text, message):
    with pytest.raises(CatalogError, match=message):
        load(tmp_path, text)


def test_titles_that_are_all_empty(tmp_path):
    with pytest.raises(CatalogError, match=r"t\.csv: column 'name' is empty in every row\. Name another column with --title, or omit it"):
        load(tmp_path, "file,kind,name\na.jpg,x,\nb.jpg,y,\n", title="name")


def test_an_absent_table(tmp_path):
    with pytest.raises(ObjectNotFound):
        load_attributes(IngestConfig(table=str(tmp_path / "none.csv")))
