"""Clusters that cannot do a job, of hosts with their own software, clocks and routes: one line with the remedy, and nothing is lost.

Cheap forms: tests/execution/{test_address,test_host}.py, tests/on_ray/test_shard_pool.py, tests/storage/test_failures.py.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.chaos import jobs
from tests.chaos.runner import CHATTER
from tests.tools.host_cluster import HostCluster, Node, missing, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.long, pytest.mark.skipif(bool(missing()), reason=missing() or "-")]
ROOT = Path(__file__).parents[2]
NUM = 200
GENERATE = ["generate", "--model", jobs.MODEL, "--num", str(NUM), "--shard-images", "20", "--seed", "3", "--engines", "2"]
CLOCK_EXIT, CLUSTER_EXIT = 3, 8


class Lab:
    """A cluster with one good host, and one that is made as each case needs it."""

    def __init__(self, cluster):
        self.cluster, self.outs, self.other = cluster, 0, None
        cluster.start_head()
        self.good = cluster.join("good")
        cluster.near_store(jobs.put_model)

    def out(self):
        self.outs += 1
        return f"{jobs.BUCKET}/bad-{self.outs}"

    def join(self, name, **env):
        """The second host, with variables of its own; the one before is gone."""
        if self.other is not None:
            self.other.kill()
        self.other = self.cluster.join(name, Node(env=env))
        hosts = [self.cluster.head, self.good, self.other]
        wait_for(lambda: self.cluster.members() == sorted(host.address for host in hosts))

    def run(self, words=(), out=None, limit=120.0, **env):
        """(exit code, last line, all that a person sees) of a job."""
        command = self.cluster.start_command([*GENERATE, *words, "--out", out or self.out()], **env)
        code, output = command.wait(limit), command.output()
        assert not [word for word in CHATTER if word in output], output
        return code, output.splitlines()[-1], output


@pytest.fixture(scope="module")
def lab():
    with HostCluster() as cluster:
        yield Lab(cluster)


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    """The variables of a process whose clock is an hour off."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler here: apt-get install gcc libc6-dev")
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    source = ROOT / "tests" / "tools" / "clock.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True, capture_output=True)
    return {"LD_PRELOAD": str(library), "CLOCK_OFF_S": "3600"}


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"RAY_AUTH_TOKEN": "0" * 64}, "the token of this command is not the cluster's"),
        ({"RAY_AUTH_TOKEN": ""}, "there is no token"),
        ({"RAY_AUTH_TOKEN": "", "RAY_AUTH_MODE": "disabled"}, "the cluster wants a token"),
        ({"RAY_ADDRESS": "198.18.0.77:6379"}, "cannot be reached"),
        ({"RAY_ADDRESS": "{head}:8265"}, "something answers there, but not Ray's control service"),
        ({"RAY_ADDRESS": "{store}"}, "something answers there, but not Ray's control service"),
    ],
)
def test_an_address_or_a_token_that_is_wrong(lab, env, said):
    store = lab.cluster.environment["AWS_ENDPOINT_URL"].partition("//")[2]
    code, line, output = lab.run(**{name: value.format(head=lab.cluster.head.address, store=store) for name, value in env.items()})
    assert code == CLUSTER_EXIT
    assert said in line, output


@pytest.mark.parametrize("words", [["--engines", "64"], ["--threads", "64"], ["--gpu"]])
def test_a_cluster_that_is_too_small(lab, words):
    code, line, output = lab.run(words)
    assert code == CLUSTER_EXIT
    assert "the cluster has" in line or "the largest has" in line, output


def test_a_host_with_another_ganray_is_refused(lab, tmp_path):
    shutil.copytree(ROOT / "ganray", tmp_path / "ganray", ignore=shutil.ignore_patterns("__pycache__"))
    start = tmp_path / "ganray" / "__init__.py"
    start.write_text(start.read_text().replace('__version__ = "', '__version__ = "0.0.0+'))
    lab.join("older", PYTHONPATH=f"{tmp_path}:{ROOT}")
    code, line, output = lab.run()
    assert code == CLUSTER_EXIT
    assert "host older has ganray 0.0.0+" in line, output


def test_a_driver_whose_clock_is_off(lab, clock):
    code, line, output = lab.run(**clock)
    assert code == CLOCK_EXIT
    assert "the store refuses the time of host head" in line, output


def test_a_worker_whose_clock_is_off(lab, clock):
    lab.join("late", **clock)
    code, line, output = lab.run()
    assert code == CLOCK_EXIT
    assert "host late: " in line and "Set the clock of that host" in line, output
    out = lab.out()
    lab.join("on-time")
    assert lab.run(out=out)[0] == 0
    assert len(lab.cluster.near_store(jobs.digests, out, "images")) == NUM


def test_a_host_that_cannot_reach_the_bucket_does_not_end_a_job(lab):
    lab.join("astray", AWS_ENDPOINT_URL="http://198.18.0.99:1")
    out = lab.out()
    code, _, output = lab.run(out=out, limit=600)
    assert code == 0, output
    assert len(lab.cluster.near_store(jobs.digests, out, "images")) == NUM


def test_a_job_that_is_submitted_twice(lab):
    lab.join("second")
    out = lab.out()
    both = [lab.cluster.start_command([*GENERATE, "--out", out], host) for host in (lab.cluster.head, lab.good)]
    codes = [command.wait(300) for command in both]
    output = "\n".join(command.output() for command in both)
    assert codes == [0, 0], output
    assert not [word for word in CHATTER if word in output], output
    assert len(lab.cluster.near_store(jobs.digests, out, "images")) == NUM
    alone = lab.out()
    assert lab.run(out=alone)[0] == 0
    assert lab.cluster.near_store(jobs.digests, out, "images") == lab.cluster.near_store(jobs.digests, alone, "images")
