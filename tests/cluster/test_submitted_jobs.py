"""`ray job submit` from a host of the cluster, as README says it: what comes of it is what the command makes without a cluster."""

import subprocess

import pytest

from tests.chaos import jobs
from tests.chaos.runner import Chaos
from tests.tools.host_cluster import BIN, ROOT, missing

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.long, pytest.mark.skipif(bool(missing()), reason=missing() or "-")]


@pytest.fixture(scope="module")
def chaos():
    with Chaos() as chaos:
        yield chaos


@pytest.mark.parametrize("verb", ["ingest", "generate", "edit", "train", "evaluate"])
def test_a_submitted_job_makes_what_the_command_makes(chaos, verb):
    job, out = jobs.JOBS[verb], f"{jobs.BUCKET}/submitted-{verb}"
    expected, cluster = chaos.undisturbed(job), chaos.cluster
    name, *words = job.words
    submit = [BIN / "ray", "job", "submit", "--address", f"http://{cluster.head.address}:8265", "--working-dir", ROOT, "--"]
    log = cluster.log("submit")
    with log.open("w") as output:
        command = [*submit, "python", f"jobs/{name}.py", *words, *job.on_cluster, "--out", out]
        process = cluster.start(cluster.head, command, stdout=output, stderr=subprocess.STDOUT)
    assert process.wait(300) == 0, log.read_text()
    assert "succeeded" in log.read_text()
    assert cluster.near_store(job.made, out) == expected
