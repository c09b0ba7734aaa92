"""Traffic that is divided: as the shares say, the same way each time, and with no more moves than a change of shares needs."""

from collections import Counter

import pytest

from ganray.requests import EditRequest, GenerateRequest
from ganray.serving.traffic import choose, key_of

KEYS = [f"SKU-{number}\0{number % 7}" for number in range(4000)]


def sides(shares, split="main"):
    return [choose(split, shares, key) for key in KEYS]


def test_it_divides_as_the_shares_say():
    found = Counter(sides({"a": 0.7, "b": 0.2, "c": 0.1}))
    assert {name: round(found[name] / len(KEYS), 1) for name in "abc"} == {"a": 0.7, "b": 0.2, "c": 0.1}


def test_equal_requests_go_to_the_same_side_whatever_the_order_of_the_rows():
    assert sides({"a": 0.7, "b": 0.3}) == sides({"b": 0.3, "a": 0.7})


def test_a_larger_share_moves_no_request_between_others():
    before, after = sides({"a": 0.6, "b": 0.3, "c": 0.1}), sides({"a": 0.5, "b": 0.25, "c": 0.25})
    moved = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert {new for _, new in moved} == {"c"}
    assert 0.12 < len(moved) / len(KEYS) < 0.18


def test_two_splits_divide_independently():
    first, second = sides({"a": 0.5, "b": 0.5}), sides({"a": 0.5, "b": 0.5}, "other")
    assert 0.45 < sum(one == other for one, other in zip(first, second, strict=True)) / len(KEYS) < 0.55


def test_a_side_without_a_share_gets_nothing():
    assert set(sides({"a": 1.0, "b": 0.0})) == {"a"}


def test_without_a_key_it_is_drawn():
    found = Counter(choose("main", {"a": 0.5, "b": 0.5}, "") for _ in range(400))
    assert min(found["a"], found["b"]) > 120


def test_id_and_seed_say_that_two_requests_are_the_same():
    first = GenerateRequest(id="SKU-1", seed=7, count=1)
    assert key_of(first) == key_of(GenerateRequest(id="SKU-1", seed=7, count=4, attributes={"colour": "red"}))
    assert key_of(first) != key_of(GenerateRequest(id="SKU-1", seed=8))


def test_without_an_id_the_body_does():
    assert key_of(GenerateRequest(seed=7)) == key_of(GenerateRequest(seed=7)) != key_of(GenerateRequest(seed=8))
    photo = EditRequest(image="hats/1.jpg", edits=["white"])
    assert key_of(photo) == key_of(EditRequest(image="hats/1.jpg", edits=["white"])) != key_of(EditRequest(image="2.jpg", edits=["white"]))


def test_a_photo_of_a_form_is_part_of_the_body():
    body = EditRequest(image="photo", edits=["white"])
    keys = {key_of(body), key_of(body, {"photo": b"one"}), key_of(body, {"photo": b"another"}), key_of(body, {"mask": b"one"})}
    assert len(keys) == 4 and key_of(body, {"photo": b"one"}) in keys


@pytest.mark.parametrize("body", [GenerateRequest(), GenerateRequest(attributes={"colour": "red"})])
def test_what_is_drawn_anew_each_time_has_none(body):
    assert key_of(body) == ""
