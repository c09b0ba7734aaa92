"""The books of a bulk job: shards are rendered and written in this process."""

import functools
import hashlib
import json
import time
from io import BytesIO
from itertools import repeat

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ganray.benchmarks.random_model import make_model
from ganray.bulk import commit, layouts, manifest
from ganray.bulk.driver import BulkRun, run_job
from ganray.bulk.generate_shard import load_renderer
from ganray.bulk.job import GenerateOptions, count, make_generate_job, open_job, split
from ganray.bulk.page import show_some
from ganray.bulk.reporter import Reporter
from ganray.config import GateConfig, ModelConfig
from ganray.errors import ImageError, ObjectCorrupt, RequestError, StorageError
from ganray.execution.local import LocalExecutor
from ganray.execution.port import ShardWork, Workers
from ganray.images.codec import decode
from ganray.images.credentials import validity
from ganray.images.provenance import read_label
from ganray.images.visible import Stamp
from ganray.output.label_options import LabelOptions
from ganray.requests import GenerateRequest
from ganray.storage import open_store
from ganray.storage.local import LocalStore
from ganray.vocabulary import Vocabulary

ATTRIBUTES = {"category": ("bag", "cap", "mug"), "colour": ("red", "green")}
REQUESTS = [
    GenerateRequest(id="SKU/1", attributes={"category": "mug"}, count=5),
    GenerateRequest(id="b", seed=4, format="jpeg"),
    GenerateRequest(id="c", count=3, format="webp"),
    GenerateRequest(id="d", format="avif", quality=70, side=20, truncation=0.5),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    return folder, make_model(folder, ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8), ATTRIBUTES)


def source(requests):
    return lambda: (request.resolved() for request in requests)


@pytest.fixture(autouse=True)
def at_one_time(monkeypatch):
    """The only thing that two jobs of the same table differ in."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")


def plan_of(model, requests=REQUESTS, **changes):
    options = {"model_digest": model[1].digest, "resolution": 8, "shard_images": 4, "device": "cpu", "rows": 8}
    vocabulary = Vocabulary(ATTRIBUTES)
    return make_generate_job(count(source(requests), vocabulary.encode), vocabulary, GenerateOptions(**options | changes))


def run(model, store, requests=REQUESTS):
    """The whole job, in this process; its closed books, and what came of each shard."""
    plan = open_job(store, plan_of(model, requests), source(requests))
    tallies = []

    def write(rendered):
        tally = commit.write(rendered, store=store, plan=plan)
        tallies.append({name: getattr(tally, name) for name in ("written", "existing", "quarantined")})
        return tally

    start = functools.partial(load_renderer, model[0], plan, store, 1, GateConfig())
    run_job(BulkRun("generate", store, plan, ShardWork(start, Workers(1), write), show_some), LocalExecutor(), time.time())
    return commit.close_job(store, plan, show_some), tallies


def contents(store):
    """All but status.json, which tells the time."""
    return {info.key: store.get(info.key) for info in store.list() if info.key != "status.json"}


def test_all_images_receipts_and_books_are_there(model, tmp_path):
    store = open_store(str(tmp_path))
    books, tallies = run(model, store)
    assert books == {"images": 10, "quarantined": 0}
    assert tallies[0] == {"written": 4, "existing": 0, "quarantined": 0}
    rows = pq.read_table(BytesIO(store.get("manifest.parquet"))).to_pylist()
    assert [(row["id"], row["index"]) for row in rows] == [
        *(("SKU/1", i) for i in range(5)),
        ("b", 0),
        *(("c", i) for i in range(3)),
        ("d", 0),
    ]
    assert rows[5]["key"] == "images/00001/b-0.jpg"
    for row in rows:
        data = store.get_verified(row["key"], row["bytes"], row["sha256"])
        label = read_label(data)
        assert label["ganray:RequestID"] == f"{row['id']}-{row['index']}"
        assert label["ganray:Seed"] == str(row["seed"])
        assert row["attr:category"] in ATTRIBUTES["category"]
        side = 20 if row["id"] == "d" else 8
        assert decode(data).original_size == (row["width"], row["height"]) == (side, side)
        assert row["model_digest"] == model[1].digest
    assert {row["attr:category"] for row in rows[:5]} == {"mug"}
    assert not store.exists("quarantine.parquet")


def test_numbers_for_alerts_are_published_at_the_begin_at_the_end_and_after_a_failure(tmp_path):
    published = []

    def report(fails):
        reporter = Reporter(open_store(str(tmp_path)), 10, 2, 0.0, published.append)
        with reporter.reporting():
            reporter.add(commit.Tally(written=2, existing=0, quarantined=1, ready=0.0))
            assert not fails, "a defect"

    report(fails=False)
    begin, end = published
    assert (begin["running"], begin["failed"], begin["done"], begin["images"]) == (1.0, 0.0, 2.0, 10.0)
    assert (end["running"], end["failed"], end["done"], end["quarantined"]) == (0.0, 0.0, 5.0, 1.0)
    assert 0 < begin["updated"] <= end["updated"]
    with pytest.raises(AssertionError, match="a defect"):
        report(fails=True)
    assert (published[-1]["running"], published[-1]["failed"]) == (0.0, 1.0)


def test_running_twice_writes_nothing(model, tmp_path):
    store = open_store(str(tmp_path))
    run(model, store)
    before = list(store.list())
    books, tallies = run(model, store)
    assert (books, tallies) == ({"images": 10, "quarantined": 0}, [])
    assert list(store.list()) == before  # the etags too: not even the same bytes again


class Crashing(LocalStore):
    """A local store that dies before write number `left`, or after it with the reply lost."""

    left, reply_lost = 0, False

    def put(self, key, data):
        return self._strike(super().put, key, data)

    def create(self, key, data):
        return self._strike(super().create, key, data)

    def _strike(self, write, key, data):
        self.left -= 1
        if self.left == 0 and not self.reply_lost:
            raise KeyboardInterrupt
        etag = write(key, data)
        if self.left == 0:
            raise KeyboardInterrupt
        return etag


@pytest.mark.parametrize("reply_lost", [False, True])
def test_a_job_cut_off_at_any_write_ends_up_the_same_bytes(model, tmp_path, reply_lost):
    whole = Crashing(tmp_path / "whole")
    whole.left = 0
    run(model, whole)
    expected, writes = contents(whole), -whole.left
    assert len(expected) == 10 + 3 + 3 + 1 + 1 + 2 + 1  # images, request shards, receipts, plan, manifest, page and sheet, job
    assert writes == len(expected) + 2  # status.json at the start and at the end
    for number in range(1, writes + 1):
        store = Crashing(tmp_path / f"{number}-{reply_lost}")
        store.left, store.reply_lost = number, reply_lost
        with pytest.raises(KeyboardInterrupt):
            run(model, store)
        if number < writes - 1 or (number == writes - 1 and not reply_lost):  # the last write but one is job.json
            assert not store.exists("job.json")
        run(model, store)
        assert contents(store) == expected, f"cut off at write {number}"


def test_another_job_in_the_same_place_is_refused(model, tmp_path):
    store = open_store(str(tmp_path))
    run(model, store)
    before = contents(store)
    with pytest.raises(StorageError, match="holds another job: its model_digest is"):
        open_job(store, plan_of(model, model_digest="0" * 64), source(REQUESTS))
    other = [*REQUESTS[:2], GenerateRequest(id="c", count=3)]
    with pytest.raises(StorageError, match="its requests_digest is .* Choose another out"):
        run(model, store, other)
    assert contents(store) == before


@pytest.mark.parametrize("layout", layouts.LAYOUTS)
def test_a_job_of_several_kinds_of_processor_ends_and_says_of_each_image_what_lies_there(model, tmp_path, layout):
    """Another kind of processor draws the same samples with other bits: the first writer wins, of images and of receipts."""
    store = open_store(str(tmp_path))
    plan = open_job(store, plan_of(model, layout=layout), source(REQUESTS))
    ours = load_renderer(model[0], plan, store, 1, GateConfig())
    for shard in range(plan.shards):
        commit.write(drawn_elsewhere(ours(shard)), store=store, plan=plan)
    before = contents(store)
    store.delete("receipts/00001.parquet")
    tallies = [commit.write(ours(shard), store=store, plan=plan) for shard in range(plan.shards)]
    assert [(tally.written, tally.existing) for tally in tallies] == [(0, 4), (0, 4), (0, 2)]
    assert contents(store) == before
    assert commit.close_job(store, plan, show_some) == {"images": 10, "quarantined": 0}
    for row in pq.read_table(BytesIO(store.get("manifest.parquet"))).to_pylist():
        if layout == "objects":
            store.get_verified(row["key"], row["bytes"], row["sha256"])
    other = drawn_elsewhere(ours(0))
    with pytest.raises(StorageError, match="is there already with other bytes"):
        commit.write(other.set_column(other.schema.get_field_index("seed"), "seed", [[9] * 4]), store=store, plan=plan)


def drawn_elsewhere(rendered):
    """The table with the last bit of each pixel flipped."""
    column = rendered.column("pixels").combine_chunks()
    pixels = [bytes(np.frombuffer(row.as_buffer(), np.uint8) ^ 1) for row in column]
    return rendered.set_column(rendered.schema.get_field_index("pixels"), "pixels", [pa.array(pixels, column.type)])


def test_other_bytes_under_an_image_key_stop_the_job(model, tmp_path):
    store = open_store(str(tmp_path))
    store.put("images/00001/b-0.jpg", b"somebody else's")
    with pytest.raises(StorageError, match="b-0.jpg is there already with other bytes"):
        run(model, store)
    assert not store.exists("job.json")
    assert store.get("images/00001/b-0.jpg") == b"somebody else's"


def test_an_image_whose_label_does_not_verify_is_quarantined_alone(model, tmp_path, monkeypatch):
    whole = commit.encode_sample

    def unlabelled(pixels, file, options):
        if (file.request_id, file.index) == ("c", 1):
            raise ImageError("label_unverified", "the label does not read back")
        return whole(pixels, file, options)

    monkeypatch.setattr(commit, "encode_sample", unlabelled)
    store = open_store(str(tmp_path))
    books, tallies = run(model, store)
    assert books == {"images": 9, "quarantined": 1}
    assert sum(tally["quarantined"] for tally in tallies) == 1
    (row,) = pq.read_table(BytesIO(store.get("quarantine.parquet"))).to_pylist()
    assert (row["id"], row["index"], row["reason"]) == ("c", 1, "label_unverified")
    assert json.loads(store.get("job.json"))["quarantined"] == 1


def test_a_missing_receipt_row_leaves_the_job_open(model, tmp_path):
    store = open_store(str(tmp_path))
    run(model, store)
    store.delete("job.json")
    store.put("receipts/00000.parquet", store.get("receipts/00002.parquet"))
    with pytest.raises(StorageError, match="receipts/00000.parquet counts 2 images, the plan 4"):
        commit.close_job(store, plan_of(model), show_some)
    assert not store.exists("job.json")


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ([GenerateRequest(id="a"), GenerateRequest(id="b"), GenerateRequest(id="a")], "'a' comes twice, in rows 1 and 3"),
        ([GenerateRequest(id="a", attributes={"colour": "pink"})], "request 'a': colour 'pink' is unknown. The model knows red, green"),
        ([], "the table has no requests"),
    ],
)
def test_a_bad_table_is_refused_before_any_work(model, requests, said):
    with pytest.raises(RequestError) as caught:
        plan_of(model, requests)
    assert said in str(caught.value)


def test_shards_hold_so_many_images_and_a_large_request_spans_several():
    shards = list(split([GenerateRequest(id="a", count=5), GenerateRequest(id="b"), GenerateRequest(id="c", count=4)], repeat(4)))
    assert [[(span.request.id, span.first, span.num) for span in shard] for shard in shards] == [
        [("a", 0, 4)],
        [("a", 4, 1), ("b", 0, 1), ("c", 0, 2)],
        [("c", 2, 2)],
    ]


@pytest.mark.parametrize(
    ("resolution", "shard_images", "expected"),
    [(32, 0, 512), (64, 0, 128), (8, 0, 512), (256, 0, 64), (2048, 0, 5), (2048, 256, 5), (8, 3, 3)],
)
def test_shards_of_large_images_hold_fewer(model, resolution, shard_images, expected):
    assert plan_of(model, resolution=resolution, shard_images=shard_images).shard_images == expected


def test_slow_stores_are_written_in_parallel(model, tmp_path, monkeypatch):
    slow, quick = open_store(str(tmp_path / "slow")), open_store(str(tmp_path / "quick"))
    with monkeypatch.context() as patch:
        patch.setattr(layouts, "QUICK", 0.0)
        run(model, slow)
    run(model, quick)
    assert contents(slow) == contents(quick)


def test_a_visible_label_is_written_into_every_picture(model, tmp_path):
    plain, stamped = open_store(str(tmp_path / "plain")), open_store(str(tmp_path / "stamped"))
    request = [GenerateRequest(id="a", side=64)]
    run(model, plain, request)
    plan = open_job(stamped, plan_of(model, request, label_digest=LabelOptions(Stamp("AI")).digest), source(request))
    table = load_renderer(model[0], plan, stamped, 1, GateConfig())(0)
    commit.write(table, store=stamped, plan=plan, marks=LabelOptions(Stamp("AI")))
    one, two = (decode(store.get("images/00000/a-0.png")).pixels for store in (plain, stamped))
    assert np.array_equal(one[:32], two[:32])
    assert not np.array_equal(one[50:, 50:], two[50:, 50:])
    with pytest.raises(StorageError, match="another job: its label_digest"):
        open_job(stamped, plan_of(model, request), source(request))


def test_a_signed_job_that_is_cut_off_says_of_each_image_what_lies_there(model, tmp_path, signer):
    """No two signatures are the same: what the first attempt wrote counts, if it is of the same image, and only then."""
    marks, requests = LabelOptions(signer=signer), [GenerateRequest(id="a", count=3), GenerateRequest(id="b", format="jpeg")]
    store = open_store(str(tmp_path))
    plan = open_job(store, plan_of(model, requests, label_digest=marks.digest), source(requests))
    rendered = load_renderer(model[0], plan, store, 1, GateConfig())(0)
    commit.write(rendered, store=store, plan=plan, marks=marks)
    before = contents(store)
    store.delete("receipts/00000.parquet")
    store.delete("images/00000/a-1.png")
    tally = commit.write(rendered, store=store, plan=plan, marks=marks)
    assert (tally.written, tally.existing) == (1, 3)
    assert [key for key, data in contents(store).items() if data != before[key]] == ["images/00000/a-1.png", "receipts/00000.parquet"]
    commit.close_job(store, plan, show_some)
    for row in pq.read_table(BytesIO(store.get("manifest.parquet"))).to_pylist():
        assert validity(store.get_verified(row["key"], row["bytes"], row["sha256"]), row["format"]) == "Valid"
    store.delete("receipts/00000.parquet")
    store.put("images/00000/a-0.png", store.get("images/00000/a-1.png"))
    with pytest.raises(StorageError, match="a-0.png is there already with other bytes"):
        commit.write(rendered, store=store, plan=plan, marks=marks)


@pytest.mark.parametrize(
    "cut", [lambda data: data[: len(data) // 2], lambda data: b"".join(data.splitlines(True)[:-1]), lambda data: b"[3]"]
)
def test_a_list_of_requests_that_was_cut_makes_no_smaller_job(model, tmp_path, cut):
    store, plan = open_store(str(tmp_path)), plan_of(model)
    plan = open_job(store, plan, source(REQUESTS))
    store.put("requests/00001.jsonl", cut(store.get("requests/00001.jsonl")))
    with pytest.raises(ObjectCorrupt, match=r"requests/00001.jsonl is not what was written.*Delete it, then run the same command again"):
        run(model, store)
    store.delete("requests/00001.jsonl")
    assert run(model, store)[0] == {"images": 10, "quarantined": 0}


def test_a_manifest_of_many_row_groups_has_the_same_page(model, tmp_path, monkeypatch):
    stores = [open_store(str(tmp_path / name)) for name in ("one", "many")]
    run(model, stores[0])
    monkeypatch.setattr(manifest, "ROW_GROUP", 4)
    run(model, stores[1])
    assert pq.ParquetFile(BytesIO(stores[1].get("manifest.parquet"))).num_row_groups == 3
    whole, parts = map(contents, stores)
    assert {key for key in whole if whole[key] != parts[key]} == {"manifest.parquet", "job.json"}
    assert json.loads(parts["job.json"])["manifest_sha256"] == hashlib.sha256(parts["manifest.parquet"]).hexdigest()
