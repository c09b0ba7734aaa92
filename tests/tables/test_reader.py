import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ganray.errors import CatalogError
from ganray.tables.reader import delimiter_of, read_table


def read(data, name="t.csv"):
    table = read_table(io.BytesIO(data.encode() if isinstance(data, str) else data), name, CatalogError)
    return table, [cells for _, cells in table]


def parquet(**columns):
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found_outside_of_quotes(delimiter):
    text = delimiter.join(["file", '"a, b; c"']) + "\n" + delimiter.join(["1.jpg", '"red, green; ""blue"""']) + "\n"
    table, rows = read(text)
    assert table.columns == ("file", "a, b; c")
    assert rows == [["1.jpg", 'red, green; "blue"']]


def test_a_price_with_a_comma_is_no_column():
    assert delimiter_of(["sku;price;size\n", "1;9,90;4,5\n", "2;19,90;5,5\n"]) == ";"
    assert delimiter_of(["sku\n", "1\n"]) == ","


def test_line_breaks_stand_in_quotes_in_cells_and_in_the_header():
    table, rows = read('file,"Image\nSrc"\n"1.jpg","two\nlines"\n2.jpg,x\n')
    assert table.columns == ("file", "Image Src")
    assert rows == [["1.jpg", "two\nlines"], ["2.jpg", "x"]]
    table = read_table(io.BytesIO(b'a,b\n"1\n",2\n3,4\n'), "t", CatalogError)
    assert [table.place(number) for number, _ in table] == ["t line 3", "t line 4"]


def test_what_spreadsheets_add_is_left_out():
    table, rows = read("sep=;\n;file;kind;\n0;a.jpg;mug;\n;;;\n1;b.jpg;cap;\n")
    assert table.columns == ("file", "kind")
    assert rows == [["a.jpg", "mug"], ["b.jpg", "cap"]]


def test_words_for_no_value_are_counted_by_column():
    table, _ = read("file,kind,size\na,N/A,1\nb,nan,N/A\n")
    assert table.missing == {"kind": 2, "size": 1}


def test_leading_zeros_and_blanks():
    assert read("sku,kind\n 0042 , mug \n")[1] == [["0042", "mug"]]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_two_columns_of_one_name_are_named(kind):
    data = "sku,colour,colour\n1,red,blue\n"
    if kind == "parquet":
        sink = io.BytesIO()
        pq.write_table(
            pa.Table.from_arrays([pa.array(["1"]), pa.array(["red"]), pa.array(["blue"])], names=["sku", "colour", "colour"]), sink
        )
        data = sink.getvalue()
    with pytest.raises(CatalogError, match=r"t.csv: column 'colour' comes twice: columns 2 and 3\. Rename or remove one"):
        read(data)


def test_parquet_columns_are_spelled_by_their_types():
    table, rows = read(
        parquet(
            ean=[4006381333931.0, None],
            organic=[True, False],
            size=pa.array(["42", None]).dictionary_encode(),
            day=pa.array([0, 86_400], pa.timestamp("s")),
            tags=[["a"], None],
        )
    )
    assert rows == [["4006381333931", "true", "42", "1970-01-01", ["a"]], [None, "false", None, "1970-01-02", None]]
    assert table.types["tags"] == "list" and table.types["size"] == "string"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "t.csv is not a table: it is empty"),
        (",,\n", "t.csv is not a table: its header is empty"),
        ("a,b\n1,2\n3\n", "t.csv line 3: more or fewer cells than the header, 1 and 2"),
        ('a,b\n1,"2\n3,4\n', "t.csv line 2: a quote that opens here is not closed"),
        (b"PAR1 and no more", "t.csv: not a readable parquet table"),
    ],
)
def test_what_is_no_table_is_one_line(data, message):
    with pytest.raises(CatalogError, match=message) as caught:
        read(data)
    assert "\n" not in str(caught.value)
