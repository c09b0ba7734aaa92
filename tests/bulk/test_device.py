"""Jobs that go on on another kind of device, and engines of one command that must not differ."""

import functools
import json
from dataclasses import replace

import pytest

from ganray.bulk.device import drawn_by, load_on, note_of_device
from ganray.bulk.job import GenerateOptions, TableCount, count, make_generate_job, open_job
from ganray.engine import ROWS
from ganray.errors import ClusterError, StorageError
from ganray.requests import GenerateRequest
from ganray.storage import open_store
from ganray.vocabulary import Vocabulary
from tests.tools.models import ATTRIBUTES

L4, A10G = (f"NVIDIA {name} torch 2.13.0 cudnn 92000 tf32" for name in ("L4 (8.9)", "A10G (8.6)"))
SLICE = "NVIDIA A100-SXM4-40GB MIG 1g.5gb (8.0) torch 2.13.0 cudnn 92000 tf32"


def requests():
    return iter([GenerateRequest(id="a", count=9).resolved()])


def plan_of(device, accelerator="", **changes):
    options = GenerateOptions(
        model_digest="0" * 64, resolution=8, shard_images=4, device=device, rows=ROWS[device], accelerator=accelerator
    )
    vocabulary = Vocabulary(ATTRIBUTES)
    return replace(make_generate_job(count(requests, vocabulary.encode), vocabulary, options), **changes)


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path))


@pytest.mark.parametrize(
    ("begun", "goes_on", "said"),
    [
        (plan_of("cuda", L4), plan_of("cuda", A10G), f"began on {L4} and goes on on {A10G}"),
        (plan_of("cuda", L4), plan_of("cpu"), f"began on {L4} and goes on on cpu"),
        (plan_of("cpu"), plan_of("cuda", L4), f"began on cpu and goes on on {L4}"),
        (plan_of("cuda"), plan_of("cpu"), "began on cuda and goes on on cpu"),
        (plan_of("cuda", L4), plan_of("cuda", L4), ""),
        (plan_of("cpu"), plan_of("cpu"), ""),
    ],
)
def test_a_job_goes_on_on_another_device_as_the_one_that_it_is(store, begun, goes_on, said):
    """The plan stays the first command's: the closed books depend on it."""
    open_job(store, begun, requests)
    before = {info.key: store.get(info.key) for info in store.list()}
    found = open_job(store, goes_on, requests)
    assert found == begun
    assert {info.key: store.get(info.key) for info in store.list()} == before
    note = note_of_device(found, goes_on)
    assert (said in note) if said else note == ""


def test_jobs_of_before_devices_were_noted_go_on(store):
    for device, accelerator in (("cpu", ""), ("cuda", L4)):
        plan = plan_of(device, accelerator)
        old = {name: value for name, value in vars(plan).items() if name != "accelerator"}
        store.put("plan.json", json.dumps(old).encode())
        found = open_job(store, plan, requests)
        assert (found.accelerator, found.device) == ("", device)
        assert note_of_device(found, plan) == ""
        assert drawn_by(store) == ""


def test_on_one_device_the_engines_shape_is_the_jobs(store):
    open_job(store, plan_of("cpu"), requests)
    with pytest.raises(StorageError, match="holds another job: its rows is 16, not 64"):
        open_job(store, plan_of("cpu", rows=64), requests)


def test_the_plan_names_the_device(store):
    assert drawn_by(store) == ""
    open_job(store, plan_of("cuda", L4), requests)
    assert drawn_by(store) == json.loads(store.get("plan.json"))["accelerator"] == L4


@pytest.mark.parametrize("other", [A10G, SLICE])
def test_an_engine_on_another_kind_of_gpu_is_refused_before_it_loads(monkeypatch, other):
    loaded = []
    monkeypatch.setattr("ganray.bulk.device.describe_device", lambda device: other)
    with pytest.raises(ClusterError, match="pictures would differ.*--node-labels"):
        load_on(L4, functools.partial(loaded.append, "engine"))
    assert loaded == []
    load_on(other, functools.partial(loaded.append, "engine"))
    assert loaded == ["engine"]


def test_on_cpus_no_device_is_asked_for(monkeypatch):
    monkeypatch.setattr("ganray.bulk.device.describe_device", None)
    assert load_on("", lambda: "engine") == "engine"


@pytest.mark.parametrize(
    ("device", "side", "images", "size"),
    [
        ("cuda", 64, 1_000, 128),
        ("cuda", 64, 20_000, 256),
        ("cuda", 64, 10**6, 5_440),
        ("cuda", 256, 10**6, 320),
        ("cuda", 512, 10**6, 64),
        ("cpu", 64, 10**6, 128),
        ("cpu", 256, 10**6, 64),
    ],
)
def test_shards_of_a_gpu_are_whole_batches_and_enough_for_all_encoders(device, side, images, size):
    options = GenerateOptions(model_digest="m", resolution=side, device=device, rows=ROWS[device])
    plan = make_generate_job(TableCount("r", 1, images), Vocabulary(ATTRIBUTES), options)
    assert plan.shard_images == size
    assert plan.shards == -(-images // size)
    asked = make_generate_job(TableCount("r", 1, images), Vocabulary(ATTRIBUTES), replace(options, shard_images=10))
    assert asked.shard_images == 10
