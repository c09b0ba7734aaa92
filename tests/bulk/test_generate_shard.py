import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ganray.benchmarks.random_model import make_model
from ganray.bulk import commit
from ganray.bulk.generate_shard import AT_ONCE, load_renderer
from ganray.bulk.job import GenerateOptions, count, make_generate_job, open_job
from ganray.config import GateConfig
from ganray.engine import Engine
from ganray.execution.local import LocalExecutor
from ganray.execution.port import ShardWork, Workers
from ganray.storage import open_store
from ganray.vocabulary import Vocabulary, spread_requests
from tests.tools.models import ATTRIBUTES, SMALLEST

SHARDS, IMAGES = 9, 20


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    url = str(tmp_path_factory.mktemp("model"))
    return url, make_model(url, SMALLEST, ATTRIBUTES)


@pytest.fixture
def job(model, tmp_path, monkeypatch):
    """(store, plan) of a job of nine shards."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")

    def begun(name):
        requests, vocabulary = [each.resolved() for each in spread_requests(SHARDS * IMAGES, ATTRIBUTES)], Vocabulary(ATTRIBUTES)
        options = GenerateOptions(model_digest=model[1].digest, resolution=8, device="cpu", rows=16, shard_images=IMAGES)
        plan = make_generate_job(count(lambda: iter(requests), vocabulary.encode), vocabulary, options)
        store = open_store(str(tmp_path / name))
        return store, open_job(store, plan, lambda: iter(requests))

    return begun


def test_shards_rendered_at_once_are_the_same_tables(model, job):
    store, plan = job("out")
    renderer = load_renderer(model[0], plan, store, 1, GateConfig())
    with ThreadPoolExecutor(AT_ONCE["cuda"]) as threads:
        together = list(threads.map(renderer, range(SHARDS)))
    for shard, table in enumerate(together):
        assert table.equals(renderer(shard)), shard


@pytest.mark.parametrize("at_once", AT_ONCE.values())
def test_a_job_has_the_same_bytes_however_many_shards_a_worker_does_at_once(model, job, at_once):
    first = done(model, *job("first"), 1)
    assert done(model, *job(f"at-once-{at_once}"), at_once) == first
    assert len([key for key in first if key.startswith("images/")]) == SHARDS * IMAGES


def done(model, store, plan, at_once):
    """Every object of a job that was run in this process."""

    def start():
        return load_renderer(model[0], plan, store, 1, GateConfig())

    def write(table):
        return commit.write(table, store=store, plan=plan)

    tallies = list(LocalExecutor().map_shards(ShardWork(start, Workers(1), write, 2, at_once), range(SHARDS)))
    assert sum(tally.written for tally in tallies) == SHARDS * IMAGES
    return {info.key: store.get(info.key) for info in store.list("")}


def test_a_shard_is_read_while_another_one_renders(model, job, monkeypatch):
    """Neither reading nor what follows holds the engine up: a store of 50 ms costs one wait, not one a shard."""
    store, plan = job("slow")
    read, rendered = store.get, Engine._batch

    def slowly(key):
        time.sleep(0.05)
        return read(key)

    def steadily(self, z, labels):
        time.sleep(0.03)
        return rendered(self, z, labels)

    monkeypatch.setattr(store, "get", slowly)
    monkeypatch.setattr(Engine, "_batch", steadily)
    renderer = load_renderer(model[0], plan, store, 1, GateConfig())
    seconds = {}
    for at_once in AT_ONCE.values():
        started = time.monotonic()
        list(LocalExecutor().map_shards(ShardWork(lambda: renderer, Workers(1), len, 1, at_once), range(SHARDS)))
        seconds[at_once] = time.monotonic() - started
    assert seconds[1] > SHARDS * (0.05 + 2 * 0.03)
    assert seconds[AT_ONCE["cuda"]] < seconds[1] - (SHARDS - 3) * 0.05
