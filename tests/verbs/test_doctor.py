"""`ganray doctor` as a person runs it: on a machine with faults, without Ray, and with an address that is wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.commands import run_command
from tests.tools.gpu_samples import MISMATCH
from tests.tools.s3_server import free_ports

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path):
    """A shell's, in which `tmp_path/bin` comes first in PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "GANRAY_"))}
    (tmp_path / "bin").mkdir()
    return kept | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}


def doctor(environment, *words):
    return run_command(["doctor", *words], env=environment)


def test_the_page_of_a_machine(environment, tmp_path):
    run = doctor(environment, "--store", str(tmp_path / "job"))
    assert run.returncode == ("PROBLEM" in run.stdout) and run.stderr == ""
    assert run.stdout.startswith("ganray ") and "\nthis machine\n" in run.stdout
    assert f"{tmp_path}/job: the folder was made; writes" in run.stdout
    assert "none is given (--ray.address or RAY_ADDRESS), so this machine alone was looked at" in run.stdout
    assert list((tmp_path / "job").iterdir()) == []


def test_a_driver_that_fails_is_said_first_and_is_status_1(environment, tmp_path):
    program = tmp_path / "bin" / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<E\n{MISMATCH}E\nexit 18\n")
    program.chmod(0o755)
    run = doctor(environment, "--executor", "local")
    assert run.returncode == 1
    first = run.stdout.split("this machine\n")[1].splitlines()
    assert first[0].split()[:2] == ["PROBLEM", "driver"] and "Driver/library version mismatch" in first[0]
    assert "-> The driver was updated under its running kernel module" in run.stdout
    assert "not looked at: --executor local" in run.stdout


def test_json_is_one_object_and_nothing_else(environment):
    run = doctor(environment, "--json")
    facts = json.loads(run.stdout)
    assert facts["machine"]["versions"]["torch"] and facts["cluster"]["nodes"] == [] and run.returncode == (facts["problems"] > 0)


def test_a_wrong_address_is_a_problem_beside_the_rest(environment):
    address = f"127.0.0.1:{free_ports(1)[0]}"
    run = doctor(environment, "--ray.address", address)
    assert run.returncode == 1 and run.stderr == ""
    assert f"PROBLEM  cluster          ray.address {address} cannot be reached: Connection refused" in run.stdout
    assert "-> Check ray.address (RAY_ADDRESS), that the head runs" in run.stdout
    assert "processors" in run.stdout


def test_no_cluster_is_started(environment):
    run = doctor(environment, "--executor", "ray")
    assert run.returncode == 2 and "no cluster is given: doctor starts none" in run.stderr


WITHOUT_RAY = "import sys; sys.modules['ray'] = None; from ganray.cli import main; sys.exit(main(['doctor']))"  # `import ray` fails


def test_it_works_where_ray_cannot_be_imported(environment):
    def run(**variables):
        command = [sys.executable, "-c", WITHOUT_RAY]
        return subprocess.run(command, env=environment | variables, cwd=ROOT, capture_output=True, text=True, check=False)

    alone = run()
    assert "this machine alone was looked at" in alone.stdout and alone.stderr == ""
    asked = run(RAY_ADDRESS="127.0.0.1:6379")
    assert asked.returncode == 1 and "Ray cannot be imported" in asked.stdout and "--executor local works without" in asked.stdout
