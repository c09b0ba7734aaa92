"""The best share of each request: in a job with a real engine, and scores that are given."""

import functools
import json
import time
from io import BytesIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from ganray.benchmarks.random_model import make_model
from ganray.bulk import commit
from ganray.bulk.driver import BulkRun, run_job
from ganray.bulk.generate_shard import load_renderer
from ganray.bulk.job import GenerateOptions, count, describe, images_of, make_generate_job, open_job, read_spans
from ganray.bulk.keep import Packing, ranked
from ganray.bulk.page import show_some
from ganray.config import GateConfig, ModelConfig
from ganray.errors import RequestError, StorageError
from ganray.execution.local import LocalExecutor
from ganray.execution.port import ShardWork, Workers
from ganray.requests import GenerateRequest, seed_of
from ganray.storage import open_store
from ganray.vocabulary import Vocabulary
from tests.bulk.test_commit import Crashing, contents, drawn_elsewhere

ATTRIBUTES = {"category": ("bag", "cap", "mug")}
REQUESTS = [
    GenerateRequest(id="a", count=5),
    GenerateRequest(id="b", count=10, format="jpeg"),
    GenerateRequest(id="c"),
    GenerateRequest(id="d", count=3),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    return folder, make_model(folder, ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8), ATTRIBUTES)


@pytest.fixture(autouse=True)
def at_one_time(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")


def source(requests):
    return lambda: (request.resolved() for request in requests)


def plan_of(model, requests=REQUESTS, keep="best:0.3", size=6, **changes):
    packing, vocabulary = Packing(keep, size, 20), Vocabulary(ATTRIBUTES)
    counted = count(source(requests), packing.add)
    options = GenerateOptions(model_digest=model[1].digest, resolution=8, device="cpu", rows=16, gate_digest="g")
    return make_generate_job(counted, vocabulary, packing.applied(GenerateOptions(**vars(options) | changes)))


def score_of(id, index):
    """Any number that depends on the sample alone; some are equal."""
    return (seed_of(GenerateRequest(id=id)) // 7 + index * 5) % 4 / 4


def judged(rendered, refused=()):
    """What a gate adds to rendered samples."""
    names = list(zip(rendered["id"].to_pylist(), rendered["index"].to_pylist(), strict=True))
    table = rendered.append_column("tries", pa.array([1] * len(names), pa.int32()))
    table = table.append_column("score", pa.array([score_of(*name) for name in names], pa.float64()))
    return table.append_column("refused", pa.array(["copy" if name in refused else "" for name in names]))


def run(model, store, refused=(), **options):
    plan = open_job(store, plan_of(model, **options), source(options.get("requests", REQUESTS)))
    start = functools.partial(load_renderer, model[0], plan_without_gate(plan), store, 1, GateConfig())
    write = lambda rendered: commit.write(judged(rendered, refused), store=store, plan=plan)  # noqa: E731
    work = ShardWork(start, Workers(1), write)
    return plan, run_job(BulkRun("generate", store, plan, work, show_some), LocalExecutor(), time.time())


def plan_without_gate(plan):
    return type(plan)(**vars(plan) | {"gate_digest": ""})


def rows_in(store, key):
    return pq.read_table(BytesIO(store.get(key))).to_pylist()


def kept_of(store):
    return {(row["id"], row["index"]) for row in rows_in(store, "manifest.parquet")}


def test_ranks_follow_scores_and_then_indices_among_those_that_pass():
    rows = [{"id": "a", "index": i, "refused": "", "score": score} for i, score in enumerate([0.5, 0.9, 0.5, 0.7])]
    rows += [{"id": "b", "index": 0, "refused": "copy", "score": 1.0}, {"id": "b", "index": 1, "refused": "", "score": 0.1}]
    ranked(rows, "best:0.5")
    assert [(row["rank"], row["kept"]) for row in rows] == [(3, False), (1, True), (4, False), (2, True), (None, False), (1, True)]


def test_a_shard_has_whole_requests(model, tmp_path):
    plan = plan_of(model)
    assert (plan.shard_sizes, plan.shards, plan.images) == ((5, 10, 4), 3, 19)
    assert images_of(plan, [0, 2]) == 9
    store = open_store(str(tmp_path))
    open_job(store, plan, source(REQUESTS))
    spans = [read_spans(store, plan, shard, GenerateRequest) for shard in range(3)]
    assert [[(span.request.id, span.first, span.num) for span in shard] for shard in spans] == [
        [("a", 0, 5)],
        [("b", 0, 10)],
        [("c", 0, 1), ("d", 0, 3)],
    ]


def test_shards_that_are_full_anyway_need_no_list_of_sizes(model):
    plan = plan_of(model, requests=[GenerateRequest(id=str(i), count=3) for i in range(5)])
    assert (plan.shard_sizes, plan.shards, plan.shard_images) == ((), 3, 6)


def test_a_request_that_no_shard_holds_is_one_line(model):
    with pytest.raises(RequestError, match=r"request 'big': keep = best:0.3 ranks .* at most 20 .* count 21. Divide it into several"):
        plan_of(model, requests=[GenerateRequest(id="big", count=21)])


def test_all_is_the_plan_that_it_was(model):
    options = GenerateOptions(model_digest=model[1].digest, resolution=8, device="cpu", rows=16)
    plan = make_generate_job(count(source(REQUESTS), print), Vocabulary(ATTRIBUTES), options)
    assert not {"keep", "truncation", "shard_sizes"} & describe(plan).keys()
    assert {"keep", "shard_sizes"} <= describe(plan_of(model)).keys()


def test_the_best_are_written_and_receipts_tell_of_the_others(model, tmp_path):
    store = open_store(str(tmp_path))
    _, books = run(model, store)
    assert {name: books[name] for name in ("images", "written", "existing", "quarantined", "ranked_out")} == {
        "images": 19,
        "written": 1 + 3 + 1 + 1,
        "existing": 0,
        "quarantined": 0,
        "ranked_out": 13,
    }
    best = lambda id, num, kept: sorted(range(num), key=lambda index: (-score_of(id, index), index))[:kept]  # noqa: E731
    expected = {(id, index) for id, num, kept in (("a", 5, 1), ("b", 10, 3), ("c", 1, 1), ("d", 3, 1)) for index in best(id, num, kept)}
    assert kept_of(store) == expected
    assert len(list(store.list("images"))) == 6
    receipts = rows_in(store, "receipts/00001.parquet")
    assert sorted(row["rank"] for row in receipts) == [*range(1, 11)]
    for row in receipts:
        assert row["score"] == score_of(row["id"], row["index"])
        out = row["rank"] > 3
        assert (row["reason"], row["key"] == "") == (("ranked_out", True) if out else ("", False))
        assert row["message"] == (f"score {row['score']:g} is rank {row['rank']} of 10, 3 are kept" if out else "")
    job = json.loads(store.get("job.json"))
    assert (job["images"], job["ranked_out"], job["keep"], job["shard_sizes"]) == (6, 13, "best:0.3", [5, 10, 4])
    assert not store.exists("quarantine.parquet")
    page = store.get("index.html").decode()
    assert page.index("Worst by score") < page.index("Best by score") < page.index("Of all")
    assert "only the best 0.3 were written" in page and ", rank 1" in page


def test_what_is_kept_depends_on_the_request_alone(model, tmp_path):
    one, two = open_store(str(tmp_path / "one")), open_store(str(tmp_path / "two"))
    run(model, one)
    run(model, two, size=20, requests=[GenerateRequest(id="z", count=2), *REQUESTS[::-1]])
    assert kept_of(one) == {name for name in kept_of(two) if name[0] != "z"}
    bytes_of = lambda store: {row["id"] + str(row["index"]): row["sha256"] for row in rows_in(store, "manifest.parquet")}  # noqa: E731
    assert bytes_of(one).items() <= bytes_of(two).items()


def test_refused_samples_are_quarantined_and_others_take_their_place(model, tmp_path):
    store = open_store(str(tmp_path))
    order = sorted(range(10), key=lambda index: (-score_of("b", index), index))
    _, books = run(model, store, refused={("b", order[0]), *(("a", index) for index in range(5))})
    assert (books["quarantined"], books["written"], books["ranked_out"]) == (6, 5, 8)
    assert {index for id, index in kept_of(store) if id == "b"} == set(order[1:4])
    assert {row["rank"] for row in rows_in(store, "quarantine.parquet")} == {None}


@pytest.mark.parametrize("reply_lost", [False, True])
def test_a_job_cut_off_at_any_write_ends_up_the_same_bytes(model, tmp_path, reply_lost):
    whole = Crashing(tmp_path / "whole")
    run(model, whole)
    expected, writes = contents(whole), -whole.left
    assert len([key for key in expected if key.startswith("ranks/")]) == 3
    for number in range(1, writes + 1):
        store = Crashing(tmp_path / str(number))
        store.left, store.reply_lost = number, reply_lost
        with pytest.raises(KeyboardInterrupt):
            run(model, store)
        _, books = run(model, store)
        assert books["written"] + books["existing"] == 6
        assert contents(store) == expected, f"cut off at write {number}"


@pytest.mark.parametrize("layout", ["objects", "parquet", "webdataset"])
def test_the_first_ranking_holds_where_another_kind_of_processor_goes_on(model, tmp_path, layout):
    """Its scores round the other way: nothing else is written than the first writer chose, and the receipts have its scores."""
    store = open_store(str(tmp_path))
    plan = open_job(store, plan_of(model, layout=layout), source(REQUESTS))
    renderer = load_renderer(model[0], plan_without_gate(plan), store, 1, GateConfig())
    first = [judged(renderer(shard)) for shard in range(plan.shards)]
    for shard in first:
        commit.write(shard, store=store, plan=plan)
    before = contents(store)
    for shard in range(plan.shards):
        store.delete(f"receipts/{shard:05d}.parquet")
    for shard in first:
        place = shard.schema.get_field_index("score")
        other = drawn_elsewhere(shard.set_column(place, "score", pc.subtract(1.0, shard["score"])))
        tally = commit.write(other, store=store, plan=plan)
        assert tally.written == 0
    assert contents(store) == before


@pytest.mark.parametrize("ranking", [b"[]", b"torn", b'[{"id": "a"}]'])
def test_a_ranking_of_other_samples_is_an_error(model, tmp_path, ranking):
    store = open_store(str(tmp_path))
    store.put("ranks/00000.json", ranking)
    with pytest.raises(StorageError, match="ranks/00000.json is there already with other bytes"):
        run(model, store)
    assert not store.exists("job.json")
    store.delete("ranks/00000.json")
    assert run(model, store)[1]["ranked_out"] == 13


def test_another_share_is_another_job(model, tmp_path):
    store = open_store(str(tmp_path))
    run(model, store)
    with pytest.raises(StorageError, match="holds another job: its keep is best:0.3, not best:0.5"):
        open_job(store, plan_of(model, keep="best:0.5"), source(REQUESTS))


def test_on_another_device_a_job_keeps_its_shards(model, tmp_path):
    store = open_store(str(tmp_path))
    begun = open_job(store, plan_of(model), source(REQUESTS))
    found = open_job(store, plan_of(model, device="cuda", rows=64, size=20, accelerator="L4"), source(REQUESTS))
    assert (found.shards, found.shard_images, found.shard_sizes) == (begun.shards, begun.shard_images, begun.shard_sizes)
    again = open_job(store, plan_of(model), source(REQUESTS))
    assert again == begun
