"""Jobs of POST /v1/jobs as Ray jobs of a real cluster with a token."""

import subprocess
import sys

import pytest

from ganray.errors import ClusterError
from ganray.on_ray.job_runner import RayJobs
from ganray.serving.job_store import JobRecord
from tests.on_ray.test_jobs import ROOT, head  # noqa: F401
from tests.tools.models import ATTRIBUTES, save_untrained_model

# A process of its own, as Ray reads its token once.
SCRIPT = """
import sys, time
from ganray.config import ServeConfig
from ganray.on_ray.job_runner import RayJobs
from ganray.serving.jobs import Jobs
from ganray.serving.webhooks import Webhooks
from tests.tools.served_jobs import ask, until

address, model, url = sys.argv[1:]


def post(jobs, requests, count):
    body = {"kind": "generate", "requests": [{"id": str(number), "count": count} for number in range(requests)]}
    return ask(jobs, "POST", "/v1/jobs", json=body).json()["id"]


replicas = [Jobs(ServeConfig(model=model, jobs=url), RayJobs(url, address), webhooks=Webhooks([])) for _ in range(2)]
first, second = replicas
runner = RayJobs(url, address)


def submitted(id):
    # The API answers some seconds before it can take jobs.
    record = first.store.record("shop-a", id)
    for _ in range(60):
        for replica in replicas:
            replica.keeper.look()
        if runner.state(record) != "absent":
            break
        time.sleep(0.5)
    return record


id = post(first, 1, 3)
records = [submitted(id)]
runner.submit(records[0])  # once more: nothing happens
assert until(second, id)["state"] == "succeeded", ask(second, "GET", f"/v1/jobs/{id}").text
assert len(ask(second, "GET", f"/v1/jobs/{id}/results").json()["results"]) == 3
long = post(second, 20, 10_000)  # not before: it takes all CPUs, and the other job would wait for its end
records.append(submitted(long))
until(second, long, ["running"])
assert ask(first, "POST", f"/v1/jobs/{long}/cancel").json()["state"] == "cancelled"
deadline = time.monotonic() + 30
while list(second.store.open_jobs()):
    assert time.monotonic() < deadline
    second.keeper.look()
    time.sleep(0.2)
assert runner.state(records[1]) == "gone"
out = first.store.out(records[1])
made = len(list(out.list()))
time.sleep(1)
assert len(list(out.list())) == made and not out.exists("job.json")
names = [info.submission_id for info in runner._client.list_jobs()]
assert sorted(names) == sorted(f"ganray-{record.id}" for record in records), names
print("all is well")
"""


@pytest.mark.ray
@pytest.mark.slow
def test_a_job_is_a_ray_job_which_any_replica_submits_once_and_cancels(head, tmp_path):  # noqa: F811
    address, env = head
    model = save_untrained_model(str(tmp_path / "model"), ATTRIBUTES, 8)
    command = [sys.executable, "-c", SCRIPT, address, model, str(tmp_path / "jobs")]
    run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=200, check=False)
    assert run.stdout.endswith("all is well\n"), run.stdout + run.stderr


def test_a_cluster_that_cannot_be_reached_is_one_line():
    record = JobRecord("0" * 11 + "-" + "0" * 12, "shop-a", "k", "edit", 0.0, "result")
    for ask in (RayJobs("jobs", "http://127.0.0.1:9").state, RayJobs("jobs", "http://127.0.0.1:9").submit):
        with pytest.raises(ClusterError, match="Ray's job API"):
            ask(record)
