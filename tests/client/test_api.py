"""Jobs, and what is asked more than once: against the server's paths of jobs, on a real socket with faults."""

import asyncio
import json

import pytest

from ganray.client import AsyncClient, Busy, Client, Conflict, JobFailed, NotFound, TimedOut, api, exchange
from tests.tools.faulty_http import FaultyApp, listening
from tests.tools.jobs_app import JobsApp

ROWS = [{"id": "a", "seed": 1}, {"id": "b", "seed": 2}, {"id": "c", "count": 3}]


@pytest.fixture(scope="module")
def started():
    app = FaultyApp(None)
    with listening(app) as url:
        yield app, url


@pytest.fixture
def jobs(started, monkeypatch):
    """What has the jobs, what makes faults, and a client."""
    app, url = started
    app.app = JobsApp()
    app.faults.clear()
    app.seen.clear()
    monkeypatch.setattr(exchange, "FIRST_WAIT", 0.002)
    with Client(url) as client:
        yield app.app, app, client


def test_a_job_is_submitted_once_whatever_fails_and_waited_for(jobs):
    jobs, app, client = jobs
    app.faults[:] = ["cut", "503", "504"]
    job = client.submit_job("generate", ROWS, out="spring", webhook="https://shop.example/hook", options={"layout": "tar"})
    assert (job.state, len(jobs.jobs), len(set(app.headers("idempotency-key")))) == ("queued", 1, 1)
    options = {"out": "spring", "webhook": "https://shop.example/hook", "options": {"layout": "tar"}}
    assert json.loads(app.seen[-1][1]) == {"kind": "generate", "requests": ROWS, **options}
    done = client.wait(job.id, poll=0.01)
    assert (done.state, done.done, done.total, done.out, done.counts, done.ended) == ("succeeded", 3, 3, "spring", {"images": 3}, True)


def test_a_key_of_ones_own_makes_a_job_once(jobs):
    jobs, _, client = jobs
    first = client.submit_job("generate", ROWS, idempotency_key="spring-1")
    assert client.submit_job("generate", ROWS, idempotency_key="spring-1").id == first.id
    with pytest.raises(Conflict, match="another job has this key"):
        client.submit_job("generate", ROWS[:1], idempotency_key="spring-1")
    assert len(jobs.jobs) == 1


def test_a_job_that_fails_or_is_cancelled_is_an_error_of_whoever_waits(jobs):
    jobs, _, client = jobs
    jobs.ends = "failed"
    job = client.submit_job("generate", ROWS)
    with pytest.raises(JobFailed, match="failed: the disk is full") as caught:
        client.wait(job.id, poll=0.01)
    assert (caught.value.job.done, caught.value.job.error_code, caught.value.code) == (3, "storage", "job_failed")
    assert client.cancel(job.id).state == "cancelled"
    with pytest.raises(JobFailed, match="was cancelled"):
        client.wait(job.id)


def test_waiting_bears_an_outage_and_no_longer_one(jobs, monkeypatch):
    _, app, client = jobs
    job = client.submit_job("generate", ROWS)
    app.faults[:] = ["503", "cut"] * 5  # more than the tries of one call
    assert client.wait(job.id, poll=0.01).state == "succeeded"
    monkeypatch.setattr(api, "OUTAGE", 0.1)
    app.faults[:] = ["503"] * 500
    with pytest.raises(Busy):
        client.wait(job.id, poll=0.01)


def test_waiting_ends_with_its_time_and_at_once_where_there_is_no_such_job(jobs):
    _, _, client = jobs
    job = client.submit_job("generate", ROWS * 100)
    with pytest.raises(TimedOut, match="not ended after 0.2 s"):
        client.wait(job.id, timeout=0.2, poll=0.03)
    with pytest.raises(NotFound, match="no such job"):
        client.wait("job-9")


@pytest.mark.parametrize("id", ["", ".", ".."])
def test_an_id_that_would_be_another_path_is_refused(jobs, id):
    with pytest.raises(ValueError, match="id of a job"):
        jobs[2].job(id)


def test_the_other_client_waits_in_the_same_way(jobs, started):
    async def main():
        async with AsyncClient(started[1]) as client:
            job = await client.submit_job("generate", ROWS)
            cancelled = await client.submit_job("generate", ROWS)
            await client.cancel(cancelled.id)
            with pytest.raises(JobFailed):
                await client.wait(cancelled.id)
            return await client.wait(job.id, poll=0.01), await client.job(job.id)

    waited, looked_at = asyncio.run(main())
    assert waited == looked_at and waited.state == "succeeded"


def test_a_server_that_does_not_answer_or_is_busy_is_not_healthy(jobs):
    _, app, client = jobs
    app.faults[:] = ["503", "cut", "502"]
    assert [client.healthy() for _ in range(3)] == [False] * 3
    with pytest.raises(NotFound):  # it answers, and is no server of ganray's
        client.healthy()
