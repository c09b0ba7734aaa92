"""The process of a job, as it is started: how the job ended is written down, whatever that was."""

import os
import signal
import subprocess
import sys
import time

import pytest

from ganray.serving.job_process import ATTACHED, _ended
from ganray.serving.job_store import Ended, JobRecord, JobStore, new_claim
from tests.tools.models import ATTRIBUTES, save_untrained_model


@pytest.fixture
def job(tmp_path):
    """(store, record) of a job with this configuration."""
    store = JobStore(str(tmp_path / "jobs"))

    def made(**config):
        claim = new_claim("")
        record = JobRecord(claim.id, "shop_a", "k", "generate", claim.created, "result")
        config = {"out": store.out(record).url, "executor": "local", "threads": 1, **config}
        store.add(record, config, b'{"id": "a", "attributes": {"category": "hat"}}\n')
        return store, record

    return made


def started(store, record, *options, **environment):
    command = [sys.executable, "-m", "ganray.serving.job_process", store.url, "shop_5fa", record.id, *options]
    return subprocess.Popen(command, env={**os.environ, **environment}, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)


def finish(process, seconds=60):
    with process:
        return process.wait(seconds)


def test_a_job_that_fails_says_why_and_not_where(job, tmp_path):
    model = save_untrained_model(str(tmp_path / "model"), ATTRIBUTES, 8)
    store, record = job(model=model)
    store.store.put(
        f"_state/shop_5fa/{record.id}/config.yaml", store.config(record).replace(b'"out"', b'"requests": "nowhere/x.csv", "out"')
    )
    assert finish(started(store, record)) == 3
    ended = store.ended(record)
    assert (ended.state, ended.code) == ("failed", "storage")
    assert str(tmp_path) not in ended.message


def test_settings_and_secrets_of_the_server_do_not_reach_the_verb(job, tmp_path):
    """GANRAY_GENERATE_OUT would win over the job's own file."""
    model = save_untrained_model(str(tmp_path / "model"), ATTRIBUTES, 8)
    store, record = job(model=model, num=2)
    assert finish(started(store, record, GANRAY_GENERATE_OUT=str(tmp_path / "elsewhere"))) == 0
    assert store.ended(record).state == "succeeded"
    assert store.out(record).exists("job.json") and not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("how", ["signal", "the server is gone"])
def test_a_job_that_is_stopped_has_not_ended(job, tmp_path, how):
    model = save_untrained_model(str(tmp_path / "model"), ATTRIBUTES, 8)
    store, record = job(model=model, num=10_000, shard_images=64)
    with started(store, record, ATTACHED) as process:
        deadline = time.monotonic() + 90
        try:
            while not store.out(record).exists("receipts/00000.parquet"):
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            if how == "signal":
                process.send_signal(signal.SIGTERM)
            else:
                process.stdin.close()
        assert process.wait(20) == 143
    assert store.ended(record) is None
    receipts = len(list(store.out(record).list("receipts")))
    time.sleep(1)
    assert len(list(store.out(record).list("receipts"))) == receipts  # the verb is gone, too


def test_a_job_that_was_cancelled_does_not_begin(job):
    store, record = job(model="nowhere")
    store.end(record, Ended("cancelled", 1.0))
    assert finish(started(store, record)) == 0
    assert store.read(record, JobStore.started) is None


@pytest.mark.parametrize(
    "code, messages, end",
    [
        (0, [], ("succeeded", "", "")),
        (-9, ["generate: 3 img"], ("failed", "crashed", "it was ended by SIGKILL: perhaps its machine has too little memory")),
        (6, ["ganray generate: error: request 'a': hat. Use cap"], ("failed", "request", "request 'a': hat. Use cap")),
        (3, ["ganray edit: error: s3://b/photos/x is gone"], ("failed", "storage", "SOURCE/x is gone")),
        (
            1,
            ["Traceback (most recent call last):", "KeyError: 's3://b/photos'"],
            ("failed", "failed", "it failed unexpectedly: see the server's log"),
        ),
    ],
)
def test_what_the_end_says(code, messages, end):
    ended = _ended(code, messages, {"s3://b/photos": "SOURCE"})
    assert (ended.state, ended.code, ended.message) == end
