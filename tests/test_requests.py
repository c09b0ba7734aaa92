import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from ganray.errors import RequestError
from ganray.images.provenance import Label, encode_labelled, read_label
from ganray.request_tables import read_requests
from ganray.requests import GenerateRequest, Stream, file_name, seed_of
from ganray.titles import Pieces
from ganray.vocabulary import Vocabulary, spread_requests


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
        ("t.jsonl", b'{"id": "\xff"}', "not a readable jsonl table"),
        ("t.jsonl", '{"id": "a\\u0000b"}', "line 1: id 'a\\x00b': control characters, unpaired surrogates"),
        ("t.jsonl", '{"id": "a\\uffffb"}', "line 1: id 'a\\uffffb': control characters, unpaired surrogates"),
        ("t.jsonl", '{"id": "a\\ufffeb"}', "line 1: id 'a\\ufffeb'"),
        ("t.jsonl", '{"id": "a\\ud800b"}', "line 1: id 'a\\ud800b': control characters, unpaired surrogates"),
        ("t.jsonl", '{"id": "a", "attributes": {"\\uffff": "x"}}', "line 1: attributes"),
        ("t.jsonl", '{"id": "a", "attributes": {"\\ud800": "x"}}', "line 1: attributes"),
        ("t.csv", "id,seed\na\uffffb,1\n", "t.csv line 2: id 'a\\uffffb'"),
        ("t.csv", "id,seed\na,1,2\n", "t.csv line 2: more or fewer cells"),
        ("t.csv", "id,seed\na\n", "t.csv line 2: more or fewer cells"),
        ("t.csv", "id,count\na,99999\n", "count '99999': Input should be less than or equal to 10000"),
        ("t.parquet", "no parquet", "not a readable parquet table"),
        ("t.xlsx", "", "t.xlsx: requests are read from jsonl, csv, parquet files"),
    ],
)
def test_a_bad_table_names_line_field_and_value(name, text, message):
    with pytest.raises(RequestError) as caught:
        read(text, name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_id_that_is_taken_can_be_written_into_a_label():
    """All of Unicode's first plane, and the ends of the others: what the label cannot hold is refused before any work."""
    taken, refused = [], []
    for code in (*range(0x10000), 0x1FFFE, 0x1FFFF, 0x20000, 0x10FFFF):
        try:
            taken.append(GenerateRequest(id=f"a{chr(code)}b").id)
        except ValidationError:
            refused.append(code)
    assert refused == [*range(0x20), 0x7F, *range(0xD800, 0xE000), 0xFFFE, 0xFFFF]
    for start in range(0, len(taken), 1000):
        label = Label("d", "".join(taken[start : start + 1000]), 1)
        assert read_label(encode_labelled(np.zeros((8, 8, 3), np.uint8), "png", label))["ganray:RequestID"] == label.request_id


def test_a_seed_that_nobody_gave_is_exact_in_float64_and_depends_on_job_and_id():
    seeds = {seed_of(GenerateRequest(id=f"r{i}"), job) for i in range(500) for job in (0, 1)}
    assert len(seeds) == 1000
    assert all(seed == int(float(seed)) for seed in seeds)
    assert seed_of(GenerateRequest(id="a")) == 7428495738730636  # a stable hash: another number here changes everybody's images
    assert seed_of(GenerateRequest(id="a", seed=7), 3) == 7


def test_a_stream_depends_on_seed_and_index_alone():
    used = Stream()

    def draw(seed, index):
        used.at(seed + 1, index).integers(0, 9, 3, np.uint32)  # leaves half a word and half a buffer behind
        drawn = used.at(seed, index).standard_normal(4, np.float32)
        assert np.array_equal(drawn, np.random.Generator(np.random.Philox(key=[seed, index])).standard_normal(4, np.float32))
        return drawn

    assert np.array_equal(draw(5, 2), draw(5, 2))
    values = [draw(seed, index) for seed in (0, 5, 2**63 - 1) for index in range(3)]
    assert len({value.tobytes() for value in values}) == 9
    assert Stream().at(7, 1).integers(0, 2**32, 3).tolist() == [3212799773, 3790166175, 1724460886]


def test_file_names_are_safe_and_differ_for_different_ids():
    ids = ["a", "a/b", "a_b", "a b", "..", "日本", "x" * 200, "x" * 199, "A\\b", "a:b"]
    names = [file_name(id, 3, "jpeg") for id in ids]
    assert names[0] == "a-3.jpg"
    assert len(set(names)) == len(ids)
    assert all(name.isascii() and "/" not in name and len(name) < 140 for name in names)


def test_requests_spread_evenly_over_the_first_attribute():
    made = list(spread_requests(7, {"category": ["bag", "mug"], "colour": ["red"]}))
    assert [request.attributes for request in made] == [{"category": "bag"}, {"category": "mug"}] * 3 + [{"category": "bag"}]
    assert len({request.id for request in made}) == 7
    assert [request.attributes for request in spread_requests(2, {})] == [{}, {}]


def test_a_value_of_200_characters_is_asked_for_under_an_id_that_is_cut():
    long, other = "x" * 200, "x" * 199 + "y"
    made = [GenerateRequest.model_validate(request.model_dump()) for request in spread_requests(4, {"category": [long, other]})]
    assert [request.attributes["category"] for request in made] == [long, other] * 2
    assert len({request.id for request in made}) == 4
    assert [request.id for request in spread_requests(1, {"category": ["x" * 193]})] == ["x" * 193 + "-000000"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x" * 201, f"attributes.category '{'x' * 56}...: String should have at most 200 characters"),
        ("a\x1bb", "attributes.category 'a\\x1bb': control characters, unpaired surrogates"),
    ],
)
def test_a_value_that_no_request_can_name_is_one_line_before_any_work(value, message):
    with pytest.raises(RequestError) as caught:
        next(spread_requests(2, {"category": ["bag", value]}))
    assert str(caught.value).startswith(f"a value of the model cannot be used in a request: {message}")
    assert "Correct it in the catalog's table" in caught.value.remedy
    assert len(list(spread_requests(1, {"category": ["bag", value]}))) == 1


def test_a_long_list_of_known_values_is_cut():
    vocabulary = Vocabulary({"sku": [f"{i}" for i in range(1000)]})
    with pytest.raises(RequestError, match=r"18, 19, \.\.\. \(1000 in all\)"):
        vocabulary.encode(GenerateRequest(attributes={"sku": "x"}))


def test_attributes_left_out_are_drawn_as_often_as_in_the_catalog():
    vocabulary = Vocabulary({"colour": ["red", "green", "blue"]}, {"colour": {"red": 1, "blue": 3}})
    stream = Stream()
    drawn = [vocabulary.complete(GenerateRequest(), stream.at(seed, 0))[0] for seed in range(2000)]
    assert drawn.count(1) == 0
    assert 0.22 < drawn.count(0) / 2000 < 0.28
    equal = Vocabulary({"colour": ["red", "green"]})
    assert 0.45 < np.mean([equal.complete(GenerateRequest(), stream.at(seed, 0))[0] for seed in range(2000)]) < 0.55


VALUES = {"category": ["mug", "shirt"], "colour": ["blue", "green", "red"]}
TITLED = Vocabulary(VALUES, pieces=Pieces(24))


def label(**fields):
    return TITLED.complete(GenerateRequest(**fields), Stream().at(3, 0))


def test_a_title_speaks_for_the_attributes_that_are_not_asked_for():
    pieces = Pieces(24).of("Red mug").tolist()
    assert label(title="Red mug") == [2, 3, *pieces]  # one beyond the values: not message
    assert label(title="mug, RED!", attributes={"category": "mug"}) == [0, 3, *pieces]
    assert TITLED.names(label(title="Red mug", attributes={"colour": "red"})) == {"colour": "red"}


@pytest.mark.parametrize("title", ["", " ", "?!"])
def test_without_words_attributes_are_drawn_as_ever(title):
    drawn = label(title=title)
    assert drawn == [*Vocabulary(VALUES).complete(GenerateRequest(), Stream().at(3, 0)), *[0] * 24]
    assert TITLED.names(drawn).keys() == VALUES.keys()


def test_a_model_of_titles_alone_needs_no_title():
    vocabulary = Vocabulary({}, pieces=Pieces(24))
    assert vocabulary.complete(GenerateRequest(), Stream().at(3, 0)) == [0] * 24
    assert vocabulary.width == 24


@pytest.mark.parametrize(
    ("values", "remedy"),
    [(VALUES, "Use attributes; or train with --model.title-pieces 48"), ({"title": ["a"]}, "give it under attributes")],
)
def test_a_title_for_a_model_that_reads_none_is_one_clear_line(values, remedy):
    with pytest.raises(RequestError, match="title 'Red mug': the model was not trained with titles") as caught:
        Vocabulary(values).encode(GenerateRequest(title="Red mug"))
    assert remedy in caught.value.remedy


def test_tables_carry_titles():
    assert read('{"id": "a", "title": "Red mug"}') == [GenerateRequest(id="a", title="Red mug")]
    first, second = read("id,title,colour\na,Red mug,red\nb,,red\n", "t.csv")
    assert (first.title, first.attributes, second.title) == ("Red mug", {"colour": "red"}, "")
    (third,) = read(parquet(id=["a"], title=[501]), "t.parquet")
    assert third.title == "501"
    with pytest.raises(RequestError, match="line 1: title 'a.*control characters, unpaired surrogates"):
        read('{"id": "a", "title": "a\\u0000b"}')


def test_a_request_without_a_title_is_what_it_was():
    """Ids over HTTP and the identity of bulk jobs are digests of it."""
    plain = GenerateRequest(id="a", attributes={"colour": "red"}, seed=7)
    assert plain.canonical() == '{"attributes":{"colour":"red"},"count":1,"format":"png","id":"a","seed":7}'
    assert "Red mug" in plain.model_copy(update={"title": "Red mug"}).canonical()
    assert len({Vocabulary(VALUES).digest, TITLED.digest, Vocabulary(VALUES, pieces=Pieces(12)).digest}) == 3
    assert Vocabulary(VALUES).digest == "300cb8157e50ac5fbba5ac87c3b834f847cc5b722715a4592a398935edc0ebdb"


def test_a_png_has_no_quality():
    with pytest.raises(ValidationError, match="a png is lossless and has no quality"):
        GenerateRequest(id="a", quality=80)
    assert GenerateRequest(id="a", quality=80, format="webp").quality == 80


def test_later_fields_at_their_defaults_leave_the_digest_of_a_job_alone():
    assert GenerateRequest(id="a", seed=1).canonical() == '{"attributes":{},"count":1,"format":"png","id":"a","seed":1}'
    assert '"side":64' in GenerateRequest(id="a", seed=1, side=64).canonical()
