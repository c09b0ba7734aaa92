import numpy as np
import pytest

from ganray.errors import RequestError
from ganray.requests import GenerateRequest, Stream
from ganray.titles import Pieces
from ganray.vocabulary import Vocabulary, spread_requests


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


def test_the_digest_depends_on_values_and_pieces_and_is_stable():
    assert len({Vocabulary(VALUES).digest, TITLED.digest, Vocabulary(VALUES, pieces=Pieces(12)).digest}) == 3
    assert Vocabulary(VALUES).digest == "300cb8157e50ac5fbba5ac87c3b834f847cc5b722715a4592a398935edc0ebdb"
