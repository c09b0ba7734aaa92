"""The thread that sees to open jobs: what it does with each state of a job and of its process."""

import threading
import time

import pytest

from ganray.errors import ClusterError
from ganray.serving.job_keeper import JobKeeper
from ganray.serving.job_store import Ended, JobRecord, JobStore, new_claim
from ganray.serving.webhook_targets import TargetRules
from ganray.serving.webhooks import Webhooks
from tests.tools.served_jobs import HeldRunner
from tests.tools.webhook_receiver import receiving


@pytest.fixture
def store(tmp_path):
    return JobStore(str(tmp_path / "jobs"))


@pytest.fixture
def runner():
    return HeldRunner()


@pytest.fixture
def keeper(store, runner):
    keeper = JobKeeper(store, runner, Webhooks([b"k" * 24], TargetRules(loopback=True)))
    yield keeper
    keeper.stop()


def added(store, webhook=""):
    claim = new_claim("")
    record = JobRecord(claim.id, "shop-a", "k", "generate", claim.created, "result", webhook=webhook)
    store.add(record, {}, None)
    time.sleep(0.002)  # another id
    return record


def test_a_job_is_submitted_once(store, runner, keeper):
    record = added(store)
    keeper.look()
    keeper.look()
    assert runner.submitted == [record.id]


def test_jobs_are_submitted_in_order(store, runner, keeper):
    records = [added(store) for _ in range(3)]
    keeper.look()
    assert runner.submitted == [record.id for record in records]


def test_a_process_that_vanished_ends_its_job(store, runner, keeper):
    record = added(store)
    runner.states[record.id] = "gone"
    keeper.look()
    assert (store.ended(record).state, store.ended(record).code) == ("failed", "crashed")


def test_a_process_that_vanished_after_its_last_object_has_done_its_job(store, runner, keeper):
    record = added(store)
    store.out(record).put("job.json", b'{"images": 3, "quarantined": 0}')
    runner.states[record.id] = "gone"
    keeper.look()
    assert store.ended(record).state == "succeeded"


def test_a_process_that_wrote_its_end_has_that_end(store, runner, keeper):
    """It writes and goes between two questions of the keeper."""
    record = added(store)

    def state(_):
        store.end(record, Ended("succeeded", 1.0))
        return "gone"

    runner.state = state
    keeper.look()
    assert store.ended(record).state == "succeeded"


def test_a_job_without_more_to_do_is_closed(store, runner, keeper):
    record = added(store)
    store.end(record, Ended("succeeded", 1.0))
    keeper.look()
    assert list(store.open_jobs()) == [] and runner.submitted == []
    assert store.record("shop-a", record.id) == record


def test_a_cancelled_job_is_open_until_its_process_ends(store, runner, keeper):
    record = added(store)
    keeper.look()
    store.end(record, Ended("cancelled", 1.0))  # by another replica
    keeper.look()
    assert runner.cancelled == [record.id] and len(list(store.open_jobs())) == 1
    keeper.look()
    assert list(store.open_jobs()) == []


def test_one_job_in_trouble_does_not_hold_up_the_others(store, runner, keeper):
    first, second = added(store), added(store)
    real = runner.submit

    def submit(record):
        if record.id == first.id:
            raise ClusterError("no room")
        real(record)

    runner.submit = submit
    keeper.look()
    assert runner.submitted == [second.id]


def test_half_a_job_is_left_alone(store, runner, keeper):
    store.store.put("_open/shop-a/00000000000-000000000000.json", b"{}")
    keeper.look()
    assert runner.submitted == []


def test_the_thread_tells_the_webhook_and_closes_the_job(store, keeper):
    with receiving() as server:
        record = added(store, f"http://127.0.0.1:{server.port}/hook")
        store.end(record, Ended("succeeded", time.time()))
        keeper.start()
        keeper.wake()
        deadline = time.monotonic() + 20
        while list(store.open_jobs()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert len(server.received) == 1


def test_a_receiver_that_hangs_does_not_hold_up_jobs(store, runner, keeper):
    held = threading.Event()
    with receiving(lambda handler: held.wait(20)) as server:
        slow = added(store, f"http://127.0.0.1:{server.port}/hook")
        store.end(slow, Ended("succeeded", time.time()))
        record = added(store)
        started = time.monotonic()
        keeper.look()
        keeper.look()
        assert runner.submitted == [record.id] and time.monotonic() - started < 2
        held.set()
