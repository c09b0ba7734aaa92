import json

import pytest

from ganray.bulk.edit_job import chain_of, check_stamp, make_edit_job, requests_of
from ganray.config import EditConfig
from ganray.edits import EDITS
from ganray.errors import ConfigError, ObjectNotFound, RequestError
from ganray.storage import open_store
from tests.tools.jobs import put_photos


@pytest.fixture
def config(seller_photos, tmp_path):
    photos = put_photos(tmp_path / "photos", seller_photos)
    return EditConfig(source=photos.url, edits="cutout, white", out=str(tmp_path / "out"), shard_images=5)


def listed(config):
    with requests_of(config, open_store(config.out)) as source:
        first, second = list(source()), list(source())
        assert first == second
        return first, make_edit_job(config, source, "")


def test_every_image_under_the_source_is_a_request_named_by_its_key(config):
    requests, plan = listed(config)
    ids = [request.id for request in requests]
    assert ids == sorted(ids) and "notes" not in ids
    assert {"mugs/red ü", "same.jpg", "same.webp", "one"} <= set(ids)  # two photos of one stem keep their suffixes
    assert {request.image for request in requests if request.id.startswith("mugs/")} == {"mugs/red ü.jpg", "mugs/plain.png"}
    assert (plan.requests, plan.images, plan.shards, plan.chain) == (12, 12, 3, '[{"cutout": {}}, {"white": {}}]')
    assert len({request.seed for request in requests}) == 12
    assert listed(config.model_copy(update={"seed": 1}))[1].requests_digest != plan.requests_digest


def test_a_job_s_own_images_are_no_source(config):
    before = len(listed(config)[0])
    inside = config.model_copy(update={"out": f"{config.source}/done/white"})
    open_store(inside.out).put("images/00000/a-0.jpg", b"x")
    assert len(listed(inside)[0]) == before
    with pytest.raises(ConfigError, match="is the source itself"):
        listed(config.model_copy(update={"out": config.source}))


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_table_says_what_to_do_with_which_photo(config, tmp_path, suffix):
    rows = [
        {"id": "1", "image": "same.jpg"},
        {"id": "2", "image": "same.webp", "edits": '[{"background": {"picture": "p"}}]', "pictures": '{"p": "cutout.png"}', "size": "L"},
        {"id": "3", "image": "mugs/plain.png", "edits": "cutout", "count": 4, "format": "webp"},
    ]
    table = tmp_path / f"table.{suffix}"
    names = ["id", "image", "edits", "pictures", "size", "count", "format"]
    if suffix == "jsonl":
        rows[1]["attributes"] = {"size": rows[1].pop("size")}
        table.write_text("\n".join(map(json.dumps, rows)))
    elif suffix == "csv":
        import csv

        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows]), table)
    one, two, three = (requests := listed(config.model_copy(update={"requests": str(table), "format": "avif"})))[0]
    assert requests[1].images == 6
    assert (one.edits, one.format) == ((), "avif")
    assert (two.edits, two.pictures, two.attributes) == (({"background": {"picture": "p"}},), {"p": "cutout.png"}, {"size": "L"})
    assert (three.edits, three.count, three.format) == (("cutout",), 4, "webp")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": "a", "image": "x", "edits": "whiten"}, "request 'a': edit 'whiten' is unknown. Use some of " + ", ".join(EDITS)),
        ({"id": "a", "image": "x", "edits": ["white", "cutout"]}, "request 'a': edits: cutout cannot come after white"),
        ({"id": "a", "image": "x", "edits": [{"background": {"color": "red"}}]}, "Its parameters are colour, picture, shadow"),
        ({"id": "a", "image": "x", "sed": 1}, "sed: no such field, the fields are id, image, edits, pictures"),
        ({"id": "a"}, "image is missing"),
        ({"image": "x"}, "the request has no id"),
    ],
)
def test_a_wrong_row_is_refused_before_any_work(config, tmp_path, row, said):
    (tmp_path / "t.jsonl").write_text(json.dumps(row))
    with pytest.raises(RequestError) as caught:
        listed(config.model_copy(update={"requests": str(tmp_path / "t.jsonl")}))
    assert said in str(caught.value)


def test_a_key_needs_a_source_and_a_picture_of_its_own_does_not(config, tmp_path):
    (tmp_path / "t.jsonl").write_text('{"id": "a", "image": "data:;base64,AA"}\n{"id": "b", "image": "x.png"}')
    alone = config.model_copy(update={"requests": str(tmp_path / "t.jsonl"), "source": ""})
    with pytest.raises(RequestError, match="request 'b': 'x.png' is a key, and the job has no source"):
        listed(alone)
    (tmp_path / "t.jsonl").write_text('{"id": "a", "image": "data:;base64,AA"}')
    assert listed(alone)[1].images == 1


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"edits": ""}, ConfigError, "edits is empty"),
        ({"edits": "[white"}, ConfigError, "is no chain"),
        ({"edits": "white,cutout"}, RequestError, "cutout cannot come after white"),
        (
            {"edits": "inpaint,white"},
            RequestError,
            "edit inpaint: picture 'mask' is not among the request's pictures: none. Give it in the",
        ),
        ({"source": ""}, ConfigError, "neither source nor requests"),
        ({"source": "nowhere"}, ObjectNotFound, "nowhere holds no images"),
    ],
)
def test_what_cannot_work_is_one_line(config, changes, error, said):
    with pytest.raises(error, match=said):
        listed(config.model_copy(update=changes))


def test_a_chain_is_the_same_however_it_is_written():
    texts = (
        "cutout, background:#AABBCC",
        '["cutout", {"background": "#aabbcc"}]',
        '[{"cutout": {}}, {"background": {"colour": "#AAbbcc"}}]',
    )
    assert len({chain_of(EditConfig(source="photos", edits=text)) for text in texts}) == 1
    assert EditConfig(source="photos", edits=["cutout", {"background": "#aabbcc"}]).edits == texts[1]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"image": "a.jpg"}, "line 1: the request has no id"),
        ({"id": "a"}, "line 1: image is missing"),
        ({"id": "a", "image": ""}, "image '': String should have at least 1 character"),
        ({"id": "a", "image": "\ud800.jpg"}, "unpaired surrogates"),
        ({"id": "a", "image": "x", "edits": [{"background": {"picture": "\ud800"}}]}, "request 'a': a text of it holds half"),
        ({"id": "a", "image": "x", "colour": "red"}, "colour: no such field"),
        ({"id": "a", "image": "x", "seed": -1}, "seed -1"),
        ({"id": "a", "image": "x", "seed": 2**63}, "seed 9223372036854775808"),
        ({"id": "a", "image": "x", "count": 0}, "count 0"),
        ({"id": "a", "image": "x", "edits": ["whiten"]}, "request 'a': edit 'whiten' is unknown"),
        ({"id": "a", "image": "x", "edits": ["white", "cutout"]}, "request 'a': edits: cutout cannot come after white"),
        ({"id": "a", "image": "x", "edits": ["white", "background"]}, "white and background contradict each other"),
        ({"id": "a", "image": "x", "edits": [{"inpaint": {"msk": 1}}]}, "Its parameters are mask, grow"),
        ({"id": "a", "image": "x", "edits": "[" * 100_000}, "brackets are nested too deep"),
        ({"id": "a", "image": "x", "pictures": [1, 2]}, r"write {NAME: URL}"),
        ({"id": "a", "image": "x", "pictures": "mask.png"}, "pictures 'mask.png'"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_is_one_line_before_any_work(config, tmp_path, row, said):
    (tmp_path / "t.jsonl").write_text(json.dumps(row))
    with pytest.raises(RequestError, match=said) as caught:
        listed(config.model_copy(update={"requests": str(tmp_path / "t.jsonl")}))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_an_id_that_comes_twice_is_named_with_its_rows(config, tmp_path):
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps({"id": id, "image": "x"}) for id in "abca"))
    with pytest.raises(RequestError, match="request id 'a' comes twice, in rows 1 and 4"):
        listed(config.model_copy(update={"requests": str(tmp_path / "t.jsonl")}))


def test_a_visible_label_and_a_profile_of_one_colour_contradict_each_other():
    for fine in ("vary,white", "white,conform:amazon-main", "vary,conform:shopify"):
        check_stamp(chain_of(EditConfig(source="photos", edits=fine)))
    check_stamp("[]")
    with pytest.raises(ConfigError, match="label.visible with vary and conform: amazon-main takes a background of one colour alone. Leave"):
        check_stamp(chain_of(EditConfig(source="photos", edits="vary,conform:amazon-main")))
