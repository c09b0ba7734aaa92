"""Jobs on the server's own machine: in order, cancelled, and across servers that are killed."""

import subprocess
import sys
import time

import pytest

from ganray.config import GenerateConfig, ServeConfig
from ganray.serving.jobs import Jobs
from ganray.serving.local_jobs import LocalJobs
from ganray.serving.webhooks import Webhooks
from ganray.verbs.generate import generate
from tests.tools.jobs import contents
from tests.tools.models import ATTRIBUTES, save_untrained_model
from tests.tools.served_jobs import ask, until

EPOCH = "1700000000"
# A server without its socket: what `ganray serve --executor local` has for jobs. It lives until it is killed.
SERVER = """
import sys, threading
from ganray.config import ServeConfig
from ganray.serving.jobs import Jobs
from ganray.serving.local_jobs import LocalJobs
from ganray.serving.webhooks import Webhooks

model, url = sys.argv[1:]
jobs = Jobs(ServeConfig(model=model, jobs=url), LocalJobs(url), webhooks=Webhooks([]))
jobs.start()
print("started", flush=True)
threading.Event().wait()
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_untrained_model(str(tmp_path_factory.mktemp("model")), ATTRIBUTES, 8)


@pytest.fixture
def server(model, tmp_path):
    """Makes the jobs of a server that starts; all of them end with the test."""
    made = []

    def start(name="jobs"):
        url = str(tmp_path / name)
        jobs = Jobs(ServeConfig(model=model, jobs=url), LocalJobs(url), webhooks=Webhooks([]))
        jobs.start()
        made.append(jobs)
        return jobs

    yield start
    for jobs in made:
        jobs.stop()


def post(jobs, count=1, **changes):
    body = {"kind": "generate", "requests": [{"id": "a", "count": count}], **changes}
    reply = ask(jobs, "POST", "/v1/jobs", json=body)
    assert reply.status_code == 202, reply.text
    return reply.json()["id"]


def first_receipt(jobs, id, seconds=90):
    out, deadline = jobs.store.out(jobs.store.record("shop-a", id)), time.monotonic() + seconds
    while not any(out.list("receipts")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return out


def test_one_at_a_time_in_order_and_a_cancelled_one_makes_way(server):
    jobs = server()
    ids = [post(jobs, 10_000), post(jobs), post(jobs)]
    first_receipt(jobs, ids[0])
    states = [ask(jobs, "GET", f"/v1/jobs/{id}").json()["state"] for id in ids]
    assert states == ["running", "queued", "queued"]
    for id in (ids[1], ids[0]):
        assert ask(jobs, "POST", f"/v1/jobs/{id}/cancel").json()["state"] == "cancelled"
    assert until(jobs, ids[2])["state"] == "succeeded"
    out = jobs.store.out(jobs.store.record("shop-a", ids[0]))
    assert any(out.list("images")) and not out.exists("job.json")
    assert not any(jobs.store.out(jobs.store.record("shop-a", ids[1])).list())


@pytest.fixture(scope="module")
def undisturbed(model, tmp_path_factory):
    """The objects of a job of 4,000 images that nobody disturbed, made by the verb itself."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "requests.jsonl").write_text('{"id": "a", "count": 4000}\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", EPOCH)
        generate(GenerateConfig(model=model, requests=str(folder / "requests.jsonl"), out=str(folder / "out"), executor="local"))
    return contents(str(folder / "out"))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["SIGKILL", "stop"])
def test_a_job_goes_on_after_its_server_has_ended(server, model, tmp_path, undisturbed, how, monkeypatch):
    """And ends with every byte of a job that nobody disturbed."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)  # the time of a job is a part of its manifest
    url = str(tmp_path / "jobs")
    jobs = Jobs(ServeConfig(model=model, jobs=url), LocalJobs(url), webhooks=Webhooks([]))
    id = post(jobs, 4000)
    if how == "stop":
        jobs.start()
        out = first_receipt(jobs, id)
        jobs.stop()
    else:
        with subprocess.Popen([sys.executable, "-c", SERVER, model, url], stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout.readline() == b"started\n"
                out = first_receipt(jobs, id)
            finally:
                process.kill()
    assert not out.exists("job.json")
    assert until(server("jobs"), id)["state"] == "succeeded"
    assert contents(out.url) == undisturbed


def test_a_job_that_fails_leaves_the_next_one_its_place(server):
    jobs = server()
    bad = post(jobs, requests=[{"id": "a", "attributes": {"category": "hat"}}])
    good = post(jobs)
    described = until(jobs, bad)
    assert (described["state"], described["error"]["code"]) == ("failed", "request")
    assert "hat" in described["error"]["message"]
    assert until(jobs, good)["state"] == "succeeded"
