import json
import re
import shutil
import time
import urllib.request

import numpy as np
import pytest

from ganray.benchmarks.random_model import make_model
from ganray.bulk.segment_policy import Policy
from ganray.catalog.reader import Catalog
from ganray.config import GateConfig, GenerateConfig, RayConfig, StatusConfig
from ganray.engine import Engine
from ganray.errors import CatalogError, CheckpointError, ClusterError, ConfigError, ObjectNotFound, StorageError
from ganray.images.provenance import read_label
from ganray.metrics.features import new_extractor, save_extractor, training
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.requests import GenerateRequest, file_name
from ganray.storage import open_store
from ganray.verbs.generate import generate, show
from ganray.verbs.status import status
from tests.tools.jobs import contents, kill_at_the_first_image, rows_of
from tests.tools.models import ATTRIBUTES, SMALLEST

TABLE = [
    {"id": "SKU/1", "attributes": {"category": "mug"}, "count": 21},
    {"id": "b", "seed": 4, "format": "webp"},
    {"id": "c", "count": 9, "attributes": {"colour": "red", "category": "cap"}},
]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, SMALLEST, ATTRIBUTES)
    return folder


@pytest.fixture
def config(model, tmp_path):
    (tmp_path / "table.jsonl").write_text("\n".join(json.dumps(row) for row in TABLE))
    table, out = str(tmp_path / "table.jsonl"), str(tmp_path / "out")
    return GenerateConfig(model=model, requests=table, out=out, shard_images=8, threads=1, gpu=False, executor="local")


@pytest.fixture(autouse=True)
def at_one_time(monkeypatch):
    """The only thing that two jobs of the same table differ in."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")


def test_a_table_becomes_labelled_images_once(config):
    books = generate(config)
    assert {name: books[name] for name in ("requests", "images", "written", "existing", "quarantined")} == {
        "requests": 3,
        "images": 31,
        "written": 31,
        "existing": 0,
        "quarantined": 0,
    }
    made = contents(config.out)
    images = {key.rpartition("/")[2]: data for key, data in made.items() if key.startswith("images/")}
    engine = Engine.load(config.model, "cpu", 2)
    for sample in engine.generate(GenerateRequest(**row) for row in TABLE[1:]):
        request = sample.request
        expected = encode_sample(sample.pixels, SampleFile.of(request, sample.index, engine.info.digest))
        assert images[f"{request.id}-{sample.index}.{request.format}"] == expected
    assert all(read_label(data) for data in images.values())

    again = generate(config)
    assert (again["written"], again["existing"]) == (0, 31)
    assert contents(config.out) == made


def test_without_a_table_requests_spread_over_the_first_attribute(config):
    books = generate(config.model_copy(update={"requests": "", "num": 7, "format": "jpeg"}))
    assert books["images"] == books["written"] == 7
    names = sorted(key.rpartition("/")[2] for key in contents(config.out) if key.startswith("images/"))
    assert names[0] == "bag-000000-0.jpg"
    assert [name[:3] for name in names] == ["bag"] * 3 + ["cap"] * 2 + ["mug"] * 2


@pytest.mark.ray
def test_two_engines_on_ray_make_the_same_bytes(config, cluster):
    generate(config)
    elsewhere = config.model_copy(update={"out": config.out + "-2", "engines": 2, "executor": "ray"})
    generate(elsewhere)
    assert contents(elsewhere.out) == contents(config.out)


@pytest.mark.parametrize("executor", ["local", pytest.param("ray", marks=[pytest.mark.ray, pytest.mark.long])])
def test_a_killed_job_completes_with_the_bytes_of_an_uninterrupted_one(config, tmp_path, executor):
    """Killed as soon as it has written an image: on Ray with a cluster of its own. What is left is made in this process."""
    whole = config.model_copy(update={"requests": "", "num": 160, "out": str(tmp_path / "whole")})
    generate(whole)
    cut = whole.model_copy(update={"out": str(tmp_path / "cut")})
    kill_at_the_first_image("generate", cut.model_copy(update={"executor": executor, "ray": RayConfig(num_cpus=3)}), tmp_path)
    books = generate(cut)
    assert books["written"] + books["existing"] == 160
    assert contents(cut.out) == contents(whole.out)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"model": "nowhere"}, CheckpointError, "nowhere is not a model folder"),
        ({"requests": "nowhere/table.csv"}, ObjectNotFound, "nowhere/table.csv"),
        ({"out": "memory://x"}, ConfigError, "memory is not shared"),
        ({"engines": 2}, ConfigError, "executor = local with engines = 2"),
        ({"threads": 5000}, ClusterError, "5000 thread"),
        ({"gpu": True}, ClusterError, "gpu: 1 GPU(s) asked for"),
        pytest.param({"engines": 50, "executor": "ray"}, ClusterError, "50 engine", marks=pytest.mark.ray),
    ],
)
def test_what_cannot_work_is_one_line_before_any_work(config, changes, error, said, request, monkeypatch):
    monkeypatch.setattr("ganray.execution.local._gpus", lambda: 0)
    if "executor" in changes:
        request.getfixturevalue("cluster")
    with pytest.raises(error) as caught:
        generate(config.model_copy(update=changes))
    assert said in str(caught.value)
    assert not contents(config.out)


def test_another_model_in_the_same_place_is_refused(config, tmp_path):
    generate(config)
    make_model(str(tmp_path / "other"), SMALLEST, ATTRIBUTES, seed=1)
    with pytest.raises(StorageError, match="holds another job: its model_digest"):
        generate(config.model_copy(update={"model": str(tmp_path / "other")}))
    with pytest.raises(StorageError, match="holds another job: its requests_digest"):
        generate(config.model_copy(update={"seed": 1}))


def test_an_error_in_a_worker_comes_out_as_itself(config):
    store, key = open_store(config.out), f"images/00000/{file_name('SKU/1', 0, 'png')}"
    store.put(key, b"somebody else's")
    with pytest.raises(StorageError, match="is there already with other bytes") as caught:
        generate(config)
    assert type(caught.value) is StorageError
    assert store.get(key) == b"somebody else's"


def test_status_follows_a_job_from_nothing_to_its_books(config):
    with pytest.raises(StorageError, match="is not a bulk job: it has no plan.json. Give the --out"):
        status(StatusConfig(job=config.out))
    generate(config.model_copy(update={"price": 3600.0}))
    assert {"state": "done", "requests": 3, "images": 31, "quarantined": 0}.items() <= status(StatusConfig(job=config.out)).items()
    news = json.loads(open_store(config.out).get("status.json"))
    assert (news["state"], news["written"], news["images"], news["eta_s"]) == ("done", 31, 31, 0.0)
    assert news["images_per_s"] > 0
    assert 0 < news["cost"] < 120


def test_a_failed_job_says_so_and_goes_on_where_it_stopped(config):
    store, key = open_store(config.out), f"images/00003/{file_name('c', 8, 'png')}"
    store.put(key, b"somebody else's")
    with pytest.raises(StorageError):
        generate(config)
    told = status(StatusConfig(job=config.out))
    assert told["state"] == "failed"
    store.delete(key)
    books = generate(config)
    assert books["written"] + books["existing"] == 31
    assert status(StatusConfig(job=config.out))["state"] == "done"


def test_a_dry_run_estimates_and_writes_nothing(config):
    told = generate(config.model_copy(update={"dry_run": True, "price": 2.0}))
    assert (told["requests"], told["images"], told["shards"], told["tried"]) == (3, 31, 4, 31)
    assert told["img/s"] > 0
    assert told["cost per million"] == pytest.approx(2.0 * 1e6 / told["img/s"] / 3600, rel=0.02)
    assert told["gigabytes"] > 0 and told["hours"] > 0 and told["cost"] > 0
    assert "cost per million" in show(told)
    assert not contents(config.out)


@pytest.mark.parametrize("layout", ["parquet", "webdataset"])
def test_other_layouts_hold_the_same_images(config, layout):
    """An object a shard; its manifest names every image in it."""
    generate(config)
    other = config.model_copy(update={"layout": layout, "out": config.out + "-2"})
    generate(other)
    one, two = rows_of(config.out), rows_of(other.out)
    assert [row["sha256"] for row in one] == [row["sha256"] for row in two]
    assert len({row["key"] for row in two}) == 4
    assert len({(row["key"], row["member"]) for row in two}) == 31


def test_a_policy_changes_what_segments_get_and_is_recorded(config, tmp_path):
    (tmp_path / "policy.yaml").write_text("beach: {colour: green}\noffice: {colour: red}\n")
    rows = [{"id": f"s-{name}", "seed": 5, "segment": name} for name in ("beach", "office")] + [{"id": "s", "seed": 5}]
    (tmp_path / "table.jsonl").write_text("\n".join(map(json.dumps, rows)))
    generate(config.model_copy(update={"policy": str(tmp_path / "policy.yaml")}))
    made = rows_of(config.out)
    assert [(row["segment"], row["attr:colour"]) for row in made[:2]] == [("beach", "green"), ("office", "red")]
    assert {row["policy_digest"] for row in made} == {Policy.read(str(tmp_path / "policy.yaml")).digest}
    assert len({row["attr:category"] for row in made}) == 1  # of the same seed: only what the policy says differs


@pytest.fixture(scope="module")
def gated(small_catalog, tmp_path_factory):
    """A model of the small catalog that has learned nothing, and an extractor that has learned a little."""
    catalog = Catalog.open(small_catalog)
    vocabulary, folder = catalog.vocabulary(), tmp_path_factory.mktemp("gated")
    make_model(str(folder / "model"), SMALLEST.model_copy(update={"resolution": 32, "widths": (16, 16, 16, 16)}), vocabulary)
    extractor = new_extractor(32, vocabulary)
    images, labels = (np.concatenate(parts) for parts in zip(*catalog.iter_images(), strict=True))
    for _ in training(extractor, images, labels, kimg=0.5):
        pass
    save_extractor(open_store(str(folder / "extractor")), extractor, {})
    how = {"copies_by": "fingerprint"}
    return str(folder / "model"), GateConfig(extractor=str(folder / "extractor"), catalog=small_catalog, tries=2, far=1e6, match=0.2, **how)


def test_what_the_gate_refuses_is_drawn_again_and_then_quarantined_with_its_score(config, gated):
    """By an untrained model most are refused; the ones that pass are reproduced by the seed that the manifest names."""
    model, gate = gated
    job = config.model_copy(update={"model": model, "requests": "", "num": 48, "gate": gate})
    books = generate(job)
    assert books["written"] + books["quarantined"] == books["images"] == 48
    made, refused = (rows_of(job.out, name) for name in ("manifest", "quarantine"))
    assert len(made) == books["written"] > 0
    assert len(refused) == books["quarantined"] > 0
    assert {row["reason"] for row in refused} <= {"not_recognised", "copy"}
    assert {row["tries"] for row in refused} == {3}
    assert all("after 3 seeds" in row["message"] and row["key"] == "" for row in refused)
    engine = Engine.load(model, "cpu", 1)
    for row in made[:5]:
        asked = {name.removeprefix("attr:"): value for name, value in row.items() if name.startswith("attr:")}
        (sample,) = engine.generate([GenerateRequest(id=row["id"], seed=row["seed"], attributes=asked)])
        expected = encode_sample(sample.pixels, SampleFile(row["id"], 0, row["seed"], "png", engine.info.digest))
        assert open_store(job.out).get(row["key"]) == expected

    other = job.model_copy(update={"out": job.out + "-2", "shard_images": 20})
    generate(other)
    again = rows_of(other.out)
    facts = ("id", "seed", "tries", "score", "sha256")
    assert [[row[name] for name in facts] for row in again] == [[row[name] for name in facts] for row in made]


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [({"extractor": "nowhere"}, CheckpointError, "nowhere holds no feature extractor"), ({"catalog": "nowhere"}, CatalogError, "nowhere")],
)
def test_a_gate_that_cannot_judge_is_one_line_before_any_work(config, gated, changes, error, said):
    model, gate = gated
    with pytest.raises(error, match=said):
        generate(config.model_copy(update={"model": model, "requests": "", "gate": gate.model_copy(update=changes)}))
    assert not contents(config.out)


BEST = [{"id": "a", "count": 10}, {"id": "b", "count": 7}, {"id": "c"}]


def best_of(config, gated, tmp_path, **changes):
    """A job that keeps the best, of a model with an extractor of its own."""
    model, gate = gated
    (tmp_path / "best.jsonl").write_text("\n".join(map(json.dumps, BEST)))
    lenient = gate.model_copy(update={"match": 0.0})
    told = {"model": model, "requests": str(tmp_path / "best.jsonl"), "gate": lenient, "keep": "best:0.3"}
    return config.model_copy(update=told | changes)


def test_the_best_of_each_request_are_those_of_the_highest_scores_of_all(config, gated, tmp_path):
    job = best_of(config, gated, tmp_path)
    books = generate(job)
    everything = job.model_copy(update={"keep": "all", "out": job.out + "-all"})
    generate(everything)
    rows = {(row["id"], row["index"]): row for row in rows_of(everything.out)}
    kept = {(row["id"], row["index"]): row for row in rows_of(job.out)}
    assert len(kept) == books["written"] and books["written"] + books["quarantined"] + books["ranked_out"] == books["images"] == 18
    for request in BEST:
        order = sorted((name for name in rows if name[0] == request["id"]), key=lambda name: (-rows[name]["score"], name[1]))
        assert set(order[: max(1, request.get("count", 1) * 3 // 10)]) == {name for name in kept if name[0] == request["id"]}
    for name, row in kept.items():
        assert (row["sha256"], row["score"], row["seed"]) == tuple(rows[name][fact] for fact in ("sha256", "score", "seed"))
    assert "ranked out" in show(books)
    assert status(StatusConfig(job=job.out))["ranked_out"] == books["ranked_out"]
    before = contents(job.out)
    again = generate(job)
    assert (again["written"], again["existing"], again["ranked_out"]) == (0, books["written"], books["ranked_out"])
    assert contents(job.out) == before


def test_without_a_gate_the_best_are_found_by_the_models_own_extractor(config, gated, tmp_path, capsys):
    """And where there is none, that is one line before any work."""
    model, gate = gated
    none = GateConfig(catalog=gate.catalog, copies_by="fingerprint", match=0.0, far=1e6)
    job = best_of(config, gated, tmp_path, gate=none)
    with pytest.raises(ConfigError, match=r"keep = best:0.3 ranks samples by a feature extractor, and .* holds none. Name one by --gate"):
        generate(job)
    assert not contents(job.out)
    shutil.copytree(model, tmp_path / "model")
    shutil.copytree(gate.extractor, tmp_path / "model" / "extractor")
    books = generate(job.model_copy(update={"model": str(tmp_path / "model")}))
    assert books["ranked_out"] > 0
    assert "nothing can be ranked out" not in capsys.readouterr().err


def test_where_nothing_can_be_ranked_out_one_line_says_so(config, gated, tmp_path, capsys):
    books = generate(best_of(config, gated, tmp_path, requests="", num=4))
    assert "generate: keep = best:0.3: nothing can be ranked out, every request has count 1\n" in capsys.readouterr().err
    assert "ranked_out" not in books
    assert "keep" in json.loads(open_store(config.out).get("plan.json"))


def curve_in(model, chosen, digest):
    open_store(model).put("truncation.json", json.dumps({"model_digest": digest, "chosen": chosen}).encode())


def test_auto_takes_the_truncation_of_the_curve_and_a_job_keeps_it(config, model, tmp_path):
    place = shutil.copytree(model, tmp_path / "model")
    (tmp_path / "table.jsonl").write_text('{"id": "a"}\n{"id": "b", "truncation": 2.5}\n{"id": "c", "truncation": 0}')
    job = config.model_copy(update={"model": str(place), "truncation": "auto"})
    with pytest.raises(ConfigError, match=r"truncation = auto: .* has no curve \(truncation.json\). Measure one: ganray evaluate --model"):
        generate(job)
    digest = Engine.load(model, "cpu", 1).info.digest
    curve_in(str(place), 0.7, "of another model")
    with pytest.raises(ConfigError, match="truncation.json was measured on another model"):
        generate(job)
    curve_in(str(place), 0.7, digest)
    generate(job)
    assert json.loads(open_store(job.out).get("plan.json"))["truncation"] == 0.7
    assert {row["id"]: row["truncation"] for row in rows_of(job.out)} == {"a": 0.7, "b": 2.5, "c": 0.0}
    made = contents(job.out)
    curve_in(str(place), 1.5, digest)  # measured again
    assert generate(job)["existing"] == 3
    assert contents(job.out) == made
    with pytest.raises(StorageError, match="holds another job: its requests_digest"):
        generate(job.model_copy(update={"truncation": 1.5}))
    other = job.model_copy(update={"truncation": 0.7, "out": job.out + "-2"})
    generate(other)
    assert contents(other.out) == made


def test_a_dry_run_of_the_best_counts_what_is_written(config, gated, tmp_path):
    one, two = (generate(best_of(config, gated, tmp_path, dry_run=True, keep=keep)) for keep in ("all", "best:0.3"))
    assert one["images"] == two["images"] == 18
    assert two["gigabytes"] == pytest.approx(one["gigabytes"] * 6 / 18, rel=0.02)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long
def test_prometheus_is_told_the_numbers_of_a_job(config, cluster):
    """By Ray's own exporter, which reports every ten seconds."""
    import ray

    generate(config.model_copy(update={"executor": "ray"}))
    (node,) = ray.nodes()
    deadline, found = time.monotonic() + 60, {}
    while found.get("written") != 31:
        assert time.monotonic() < deadline, found
        time.sleep(1)
        text = urllib.request.urlopen(f"http://127.0.0.1:{node['MetricsExportPort']}", timeout=10).read().decode()
        lines = [line for line in text.splitlines() if line.startswith("ray_ganray_generate{") and f'job="{config.out}"' in line]
        found = {re.search(r'number="(\w+)"', line)[1]: float(line.rpartition(" ")[2]) for line in lines}
    assert (found["images"], found["quarantined"]) == (31, 0)
