import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ganray.errors import RequestError
from ganray.request_tables import read_requests
from ganray.requests import GenerateRequest


def read(text, name="table.jsonl", **options):
    return list(read_requests(io.BytesIO(text if isinstance(text, bytes) else text.encode()), name, **options))


def test_a_line_is_a_body():
    body = {"id": "SKU 1", "attributes": {"colour": "red"}, "seed": 2**63 - 1, "count": 3, "format": "webp"}
    assert read(json.dumps(body) + "\n\n") == [GenerateRequest(**body)]


def test_csv_columns_that_are_no_fields_are_attributes_and_empty_cells_are_left_out():
    first, second = read("\ufeffid,seed,colour,size\na,7,red,\nb,,,XL\n", "t.csv", format="jpeg")
    assert first == GenerateRequest(id="a", seed=7, attributes={"colour": "red"}, format="jpeg")
    assert second == GenerateRequest(id="b", attributes={"size": "XL"}, format="jpeg")


def test_parquet_reads_like_csv():
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2], "seed": [None, 5], "colour": ["red", None]}), sink)
    first, second = read(sink.getvalue(), "t.parquet")
    assert first == GenerateRequest(id="1", attributes={"colour": "red"})
    assert second == GenerateRequest(id="2", seed=5)


STRUCT = pa.struct([("colour", pa.string()), ("size", pa.int64())])


MAP = pa.map_(pa.string(), pa.string())


def parquet(**columns):
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    "column",
    [
        pa.array([{"colour": "red", "size": 38}, {"colour": None, "size": 40}, {"colour": None, "size": None}, None], STRUCT),
        pa.array([[("colour", "red"), ("size", "38")], [("size", "40"), ("colour", None)], [], None], MAP),
    ],
    ids=["struct", "map"],
)
def test_attributes_may_be_one_column_of_structs_or_maps(column):
    """Nulls are attributes that nobody asks for; other columns are attributes beside it."""
    read_back = read(parquet(id=["a", "b", "c", "d"], attributes=column, shape=["round", None, "", "flat"]), "t.parquet")
    expected = [{"colour": "red", "size": "38", "shape": "round"}, {"size": "40"}, {}, {"shape": "flat"}]
    assert read_back == [GenerateRequest(id=id, attributes=attributes) for id, attributes in zip("abcd", expected, strict=True)]


def test_nulls_of_a_body_are_attributes_that_nobody_asks_for():
    """As a struct column reads once it is written as JSON."""
    first, second = read('{"id": "a", "attributes": {"colour": null, "size": "38"}}\n{"id": "b", "attributes": null}')
    assert (first.attributes, second.attributes) == ({"size": "38"}, {})


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"attributes": pa.array([{"colour": "red"}]), "colour": ["red"]}, "t.parquet row 1: duplicate attribute 'colour'"),
        ({"attributes": pa.array([[("a", "1"), ("a", "2")]], MAP)}, "t.parquet row 1: duplicate attribute 'a'"),
        ({"attributes": ["red"]}, "t.parquet row 1: attributes 'red': Input should be a valid dictionary"),
        ({"attributes": [["red"]]}, "t.parquet row 1: attributes ['red']: Input should be a valid dictionary"),
        (
            {"attributes": [{"colour": {"name": "red"}}]},
            "t.parquet row 1: attributes.colour {'name': 'red'}: Input should be a valid string",
        ),
        ({"colour": [["red"]]}, "t.parquet row 1: attributes.colour ['red']: Input should be a valid string"),
    ],
)
def test_attributes_that_are_no_text_each_name_row_and_value(columns, message):
    with pytest.raises(RequestError) as caught:
        read(parquet(id=["a"], **columns), "t.parquet")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.jsonl", '{"id": "a"}\n{"id": "b", "seed": -1}', "t.jsonl line 2: seed -1: Input should be greater than or equal to 0"),
        ("t.jsonl", '{"id": "a", "colour": "red"}', "t.jsonl line 1: colour: no such field, the fields are id, attributes"),
        ("t.jsonl", '{"id": "a", "seed": "x", "count": 0}', "(and 1 more)"),
        ("t.jsonl", '{"seed": 1}', "line 1: the request has no id"),
        ("t.jsonl", "{oops", "t.jsonl line 1: not JSON"),
        ("t.jsonl", '{"id": "a"}\n' + "[" * 100_000, "t.jsonl line 2: not JSON: maximum recursion depth"),
        ("t.jsonl", '{"seed": ' + "1" * 5000 + "}", "t.jsonl line 1: not JSON: Exceeds the limit"),
        ("t.jsonl", '{"id": "a", "attributes": ""}', "line 1: attributes '': Input should be a valid dictionary"),
        ("t.jsonl", '{"id": "a", "\\u001b[2J": 1}', "line 1: '\\x1b[2J': no such field"),
        ("t.jsonl", '{"id": "a", "attributes": {"\\u001b": "x"}}', "line 1: attributes '\\x1b': control characters, unpaired surrogates"),
        ("t.jsonl", "[1]", "line 1"),
        ("t.jsonl", b'{"id": "\xff"}', "t.jsonl line 1 is not UTF-8: it has the byte 0xff"),
        ("t.jsonl", '{"id": "a\\u0000b"}', "line 1: id 'a\\x00b': control characters, unpaired surrogates"),
        ("t.jsonl", '{"id": "a\\uffffb"}', "line 1: id 'a\\uffffb': control characters, unpaired surrogates"),
        ("t.jsonl", '{"id": "a\\ufffeb"}', "line 1: id 'a\\ufffeb'"),
        ("t.jsonl", '{"id": "a\\ud800b"}', "line 1: id 'a\\ud800b': control characters, unpaired surrogates"),
        ("t.jsonl", '{"id": "a", "attributes": {"\\uffff": "x"}}', "line 1: attributes"),
        ("t.jsonl", '{"id": "a", "attributes": {"\\ud800": "x"}}', "line 1: attributes"),
        ("t.csv", "id,seed\na,1,2\n", "t.csv line 2: more or fewer cells"),
        ("t.csv", "id,seed\na\n", "t.csv line 2: more or fewer cells"),
        ("t.csv", "id,count\na,99999\n", "count '99999': Input should be less than or equal to 10000"),
        ("t.parquet", "no parquet", "not a readable parquet table"),
        ("t.xlsx", "", "t.xlsx: requests are read from jsonl, csv, tsv, txt, parquet files"),
    ],
)
def test_a_bad_table_names_line_field_and_value(name, text, message):
    with pytest.raises(RequestError) as caught:
        read(text, name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tables_carry_titles():
    assert read('{"id": "a", "title": "Red mug"}') == [GenerateRequest(id="a", title="Red mug")]
    first, second = read("id,title,colour\na,Red mug,red\nb,,red\n", "t.csv")
    assert (first.title, first.attributes, second.title) == ("Red mug", {"colour": "red"}, "")
    (third,) = read(parquet(id=["a"], title=[501]), "t.parquet")
    assert third.title == "501"
    with pytest.raises(RequestError, match="line 1: title 'a.*control characters, unpaired surrogates"):
        read('{"id": "a", "title": "a\\u0000b"}')
