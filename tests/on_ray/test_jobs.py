"""`ray job submit` against a running cluster with token authentication, as a user would do it."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RAY = [sys.executable, "-m", "ray.scripts.scripts"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def head(tmp_path_factory):
    """The address and environment of a head node started by `ray start --head`, with a token."""
    port, token = free_port(), secrets.token_hex(32)
    here = Path(sys.executable).parent
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "GANRAY_"))}
    env |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_USAGE_STATS_ENABLED": "0", "OMP_WAIT_POLICY": "PASSIVE"}
    env |= {"PATH": f"{here}:{env['PATH']}"}  # a job's `python` is the head's
    folder = Path("/tmp") / f"gr{os.getpid()}"  # short: unix sockets have a length limit
    command = [
        *RAY,
        "start",
        "--head",
        "--block",
        f"--port={free_port()}",
        f"--dashboard-port={port}",
        f"--dashboard-agent-listen-port={free_port()}",  # the default belongs to the run's other cluster
        "--num-cpus=3",
        f"--temp-dir={folder}",
    ]
    log = tmp_path_factory.mktemp("head") / "log"
    with log.open("w") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=output, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, token, process, log)
        yield address, env
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # `ray start --block` and what it started are one group
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(address, token, process, log):
    request = urllib.request.Request(f"{address}/api/version", headers={"Authorization": f"Bearer {token}"})
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(request, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    raise AssertionError(log.read_text())


def submit(address, env, *words):
    command = [*RAY, "job", "submit", "--address", address, "--working-dir", ".", "--", "python", *words]
    for _ in range(10):
        run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240, check=False)
        if "No available agent" not in run.stderr:  # Ray's API answers some seconds before it can take jobs
            break
        time.sleep(1)
    return run


@pytest.mark.ray
@pytest.mark.slow
def test_a_job_runs_on_a_cluster_with_a_token(head, tmp_path):
    address, env = head
    out = tmp_path / "catalog"
    with ThreadPoolExecutor(3) as pool:
        run, refused, stranger = (
            pool.submit(submit, address, env, "jobs/ingest.py", "--source", "sample:48", "--out", str(out)),
            pool.submit(submit, address, env, "jobs/ingest.py", "--resolution", "huge"),
            pool.submit(submit, address, env | {"RAY_AUTH_TOKEN": "0" * 64}, "jobs/ingest.py"),
        )
        run, refused, stranger = run.result(), refused.result(), stranger.result()
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads((out / "catalog.json").read_text())["counts"]["accepted"] == 48
    assert refused.returncode == 1
    assert "resolution = 'huge' from flag --resolution" in refused.stdout + refused.stderr
    assert stranger.returncode != 0
