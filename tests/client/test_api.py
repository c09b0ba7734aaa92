"""Jobs, and what is asked more than once: against the real jobs of a server, on a real socket with faults."""

import asyncio
import json

import pytest

from ganray.client import AsyncClient, Busy, Client, Conflict, JobFailed, NotFound, TimedOut, api

ROWS = [{"id": "a", "seed": 1}, {"id": "b", "seed": 2}, {"id": "c", "count": 3}]
WRONG = [{"id": "a", "attributes": {"colour": "mauve"}}]


@pytest.fixture
def jobs(job_server):
    """What does the jobs, what makes faults, and a client."""
    runner, app, url = job_server
    with Client(url) as client:
        yield runner, app, client


def test_a_job_is_submitted_once_whatever_fails_and_waited_for(jobs):
    runner, app, client = jobs
    app.faults[:] = ["cut", "503", "504"]
    job = client.submit_job("generate", ROWS, out="spring", options={"layout": "webdataset"})
    assert not job.ended and len(set(app.headers("idempotency-key"))) == 1
    assert json.loads(app.seen[-1][1]) == {"kind": "generate", "requests": ROWS, "out": "spring", "options": {"layout": "webdataset"}}
    done = client.wait(job.id, poll=0.05)
    assert (done.state, done.done, done.total, done.ended, runner.submitted) == ("succeeded", 5, 5, True, [job.id])
    assert done.out.endswith(f"{job.id}/spring") and done.counts == {"images": 5, "quarantined": 0}
    assert (done.created, done.key) == (job.created, "local") and done.created < done.ended_at


def test_a_key_of_ones_own_makes_a_job_once(jobs):
    runner, _, client = jobs
    runner.held = True
    first = client.submit_job("generate", ROWS, idempotency_key="spring-1")
    assert client.submit_job("generate", ROWS, idempotency_key="spring-1").id == first.id
    with pytest.raises(Conflict, match="came with another body before"):
        client.submit_job("generate", ROWS[:1], idempotency_key="spring-1")
    assert [job.id for job in client.jobs()] == [first.id]


def test_a_job_that_waits_says_so(jobs):
    runner, _, client = jobs
    runner.held = True
    job = client.submit_job("generate", ROWS, webhook="https://shop.example/hook")
    assert (job.state, job.done, job.total, job.webhook, job.ended_at) == ("queued", 0, 5, "waiting", None)
    assert list(client.results(job.id)) == []


def test_a_job_that_fails_or_is_cancelled_is_an_error_of_whoever_waits(jobs):
    runner, _, client = jobs
    job = client.submit_job("generate", WRONG)
    with pytest.raises(JobFailed, match="failed: request 'a': colour 'mauve' is unknown") as caught:
        client.wait(job.id, poll=0.01)
    assert (caught.value.job.done, caught.value.job.total, caught.value.job.error_code) == (0, 1, "request")
    assert caught.value.code == "job_failed" and client.cancel(job.id) == caught.value.job  # it has ended
    runner.held = True
    job = client.submit_job("generate", ROWS)
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
    runner, _, client = jobs
    runner.held = True
    job = client.submit_job("generate", ROWS)
    with pytest.raises(TimedOut, match="not ended after 0.2 s"):
        client.wait(job.id, timeout=0.2, poll=0.03)
    with pytest.raises(NotFound, match="there is no job 'job-9'"):
        client.wait("job-9")


@pytest.mark.parametrize("id", ["", ".", ".."])
def test_an_id_that_would_be_another_path_is_refused(id):
    with Client("http://127.0.0.1:9") as client:
        for ask in (client.job, client.cancel, client.results, lambda id: client.result(id, "a.png")):
            with pytest.raises(ValueError, match="id of a job"):
                ask(id)


def test_the_other_client_waits_in_the_same_way(jobs, job_server):
    runner = jobs[0]

    async def main():
        async with AsyncClient(job_server[2]) as client:
            runner.held = True
            cancelled = await client.submit_job("generate", ROWS)
            await client.cancel(cancelled.id)
            with pytest.raises(JobFailed):
                await client.wait(cancelled.id)
            runner.held = False
            job = await client.submit_job("generate", ROWS)
            return await client.wait(job.id, poll=0.05), await client.job(job.id)

    waited, looked_at = asyncio.run(main())
    assert waited == looked_at and waited.state == "succeeded"


def test_a_server_that_does_not_answer_or_is_busy_is_not_healthy(server):
    app, url = server
    with Client(url) as client:
        app.faults[:] = ["503", "cut", "502"]
        assert [client.healthy() for _ in range(4)] == [False, False, False, True]
    with Client(f"{url}/elsewhere") as client, pytest.raises(NotFound):  # something answers there, and it is no server of ganray's
        client.healthy()
