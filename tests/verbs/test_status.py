import dataclasses
import json
import time

import pytest

from ganray.bulk.status import KEY, Status
from ganray.config import StatusConfig
from ganray.errors import StorageError
from ganray.storage import open_store
from ganray.verbs.status import STALE_S, status

RUNNING = Status("running", 100, 20, written=30, existing=5, quarantined=1, images_per_s=12.5, eta_s=8.0, cost=0.125)


@pytest.fixture
def job(tmp_path):
    """A job of 100 images in 10 shards, of which two are finished."""
    store = open_store(str(tmp_path))
    store.put("plan.json", json.dumps({"requests": 50, "images": 100, "shards": 10, "shard_images": 10}).encode())
    for shard in range(2):
        store.put(f"receipts/{shard:05d}.parquet", b"")
    return store


def facts(store):
    return status(StatusConfig(job=store.url))


def report(store, age, **changes):
    store.put(KEY, json.dumps(dataclasses.asdict(dataclasses.replace(RUNNING, updated=time.time() - age, **changes))).encode())
    return facts(store)


def test_a_place_without_a_job_is_refused(tmp_path):
    with pytest.raises(StorageError, match="is not a bulk job: it has no plan.json. Give the --out of"):
        status(StatusConfig(job=str(tmp_path)))


def test_finished_shards_are_counted(job):
    assert facts(job)["state"] == "not begun"
    assert facts(job)["finished shards"] == "2 of 10, about 20.0 % of the images"


def test_a_running_job_has_rate_time_and_cost(job):
    row = report(job, age=1.0)
    assert row["state"] == "running" and row["ETA"] == "8 s" and row["cost so far"] == 0.12
    assert row["this command"] == "30 written, 5 existing, 1 quarantined; 12.5 img/s"


def test_a_job_without_an_update_is_interrupted(job):
    row = report(job, age=STALE_S + 5)
    assert row["state"].startswith("interrupted, no update for 65 s: run the same command again") and "ETA" not in row
    assert report(job, age=STALE_S + 5, state="failed")["state"] == "failed"


def test_a_closed_job_is_done(job):
    job.put("job.json", json.dumps({"requests": 50, "images": 100, "quarantined": 1, "created": "2026-11-28"}).encode())
    assert facts(job) == {"job": job.url, "state": "done", "requests": 50, "images": 100, "quarantined": 1, "created": "2026-11-28"}


def test_a_status_that_cannot_be_read_is_none(job):
    job.put(KEY, b"{")
    assert facts(job)["state"] == "not begun"
