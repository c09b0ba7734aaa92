import numpy as np
import pytest
from pydantic import ValidationError

from ganray.images.provenance import Label, encode_labelled, read_label
from ganray.requests import EditRequest, GenerateRequest, Stream, file_name, seed_of


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


def test_a_request_without_a_title_is_what_it_was():
    """Ids over HTTP and the identity of bulk jobs are digests of it."""
    plain = GenerateRequest(id="a", attributes={"colour": "red"}, seed=7)
    assert plain.canonical() == '{"attributes":{"colour":"red"},"count":1,"format":"png","id":"a","seed":7}'
    assert "Red mug" in plain.model_copy(update={"title": "Red mug"}).canonical()


def test_a_png_has_no_quality():
    with pytest.raises(ValidationError, match="a png is lossless and has no quality"):
        GenerateRequest(id="a", quality=80)
    assert GenerateRequest(id="a", quality=80, format="webp").quality == 80


def test_later_fields_at_their_defaults_leave_the_digest_of_a_job_alone():
    assert GenerateRequest(id="a", seed=1).canonical() == '{"attributes":{},"count":1,"format":"png","id":"a","seed":1}'
    assert '"side":64' in GenerateRequest(id="a", seed=1, side=64).canonical()


@pytest.mark.parametrize(
    ("kind", "whole"),
    [(GenerateRequest, {"id": "a"}), (EditRequest, {"id": "a", "image": "b.png", "edits": ("white",)})],
    ids=["make", "edit"],
)
def test_a_null_is_an_absent_field(kind, whole):
    absent = {name: None for name in kind.model_fields if name not in whole}
    assert kind.model_validate(whole | absent) == kind.model_validate(whole)
    with pytest.raises(ValidationError):
        EditRequest.model_validate({"id": "a", "image": None})
