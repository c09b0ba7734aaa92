"""Whole jobs, of both verbs, over a store that goes wrong in the middle: bodies cut, a key revoked, no room left, a model replaced.

What is tried here is below the executor: jobs run in their own process, but for the cases in which a worker of Ray dies. Both verbs read
and write by the same code; those of EACH differ in what they hold of a photo or of a model.
"""

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from ganray.benchmarks.exactly_once import MODEL
from ganray.benchmarks.fault_proxy import Fault
from ganray.benchmarks.random_model import make_model
from tests.tools.bulk_lab import no_faults

pytestmark = [pytest.mark.s3, pytest.mark.slow]
EACH = pytest.mark.parametrize("lab", ["generate", "edit"], indirect=True)
GENERATE, EDIT = (  # one of the two in the short form
    pytest.mark.parametrize("lab", [one, pytest.param(other, marks=pytest.mark.long)], indirect=True)
    for one, other in (("generate", "edit"), ("edit", "generate"))
)
FIRST = "/receipts/00000"


@pytest.fixture
def lab(bulk_lab, request):
    bulk_lab.reset(request.param)
    return bulk_lab


def struck_once(text, act, fault=None, method="PUT"):
    """A plan: at the first call of that kind `act` is called, and the call has the fault."""
    struck = []

    def plan(call):
        if struck or call.method != method or text not in call.path:
            return None
        struck.append(call)
        act()
        return fault

    return plan


def from_then_on(text, fault, methods=("GET", "PUT", "HEAD")):
    """A plan: after the first PUT of that kind, which is passed on, calls have the fault."""
    struck = []

    def plan(call):
        if not struck and call.method == "PUT" and text in call.path:
            struck.append(call)
            return None
        return fault if struck and call.method in methods else None

    return plan


@EACH
@pytest.mark.parametrize("kinds", [("short", "shrink"), pytest.param(("shrink", "shrink"), marks=pytest.mark.long)], ids="-".join)
def test_every_body_cut_twice_costs_time_alone(lab, kinds):
    seen = Counter()

    def plan(call):
        seen[call.path] += call.method == "GET"
        return Fault(kinds[seen[call.path] - 1]) if call.method == "GET" and seen[call.path] <= len(kinds) else None

    lab.proxy.plan = plan
    code, said = lab.finish(name := f"cut-{lab.verb}-{kinds[0]}")
    assert code == 0, said
    assert sum(number > len(kinds) for number in seen.values()) > 15
    lab.end(name)


@EDIT
@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (400, "ExpiredToken", "access is denied (ExpiredToken). Log in again"),
        (403, "InvalidAccessKeyId", "access is denied (InvalidAccessKeyId). Log in again"),
        pytest.param(507, "InsufficientStorage", "the store is full (InsufficientStorage). Make room", marks=pytest.mark.long),  # 15 s
    ],
)
def test_a_store_that_refuses_from_the_middle_on_is_one_line_and_the_job_goes_on_later(lab, status, code, said):
    methods = ("PUT",) if status == 507 else ("GET", "PUT", "HEAD")
    lab.proxy.plan = from_then_on(FIRST, Fault("refuse", status=status, code=code), methods)
    name = f"refused-{lab.verb}-{status}"
    assert lab.stop(name, said) == 3
    lab.end(name)


def admin(*words):
    subprocess.run(["radosgw-admin", *words, "--uid", "ganray"], check=True, capture_output=True, timeout=60)


@pytest.mark.long
@EACH
def test_a_user_suspended_in_the_middle_is_one_line_and_no_photo_pays_for_it(lab):
    lab.proxy.plan = struck_once(FIRST, lambda: admin("user", "suspend"))
    try:
        code = lab.stop(name := f"suspended-{lab.verb}", "access is denied (UserSuspended). Log in again")
    finally:
        admin("user", "enable")
    assert code == 3
    lab.end(name)


@pytest.mark.long
@EACH
def test_a_quota_reached_in_the_middle_is_one_line(lab):
    def full():
        admin("quota", "set", "--quota-scope", "user", "--max-objects", "1")
        admin("quota", "enable", "--quota-scope", "user")

    lab.proxy.plan = struck_once(FIRST, full)
    try:
        lab.stop(name := f"quota-{lab.verb}", "the store is full (QuotaExceeded). Make room there or raise the quota")
    finally:
        admin("quota", "disable", "--quota-scope", "user")
    lab.end(name)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 kB, and how to enlarge it."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("mounting a small disk needs root")
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True, text=True, check=False)
    if mount.returncode:
        pytest.skip(f"no small disk here: {mount.stderr}")
    yield tmp_path, lambda: subprocess.run(["mount", "-o", "remount,size=20m", tmp_path], check=True)
    subprocess.run(["umount", tmp_path], check=True)


@GENERATE
def test_a_disk_that_is_full_is_one_line_and_the_job_goes_on_when_there_is_room(lab, small_disk):
    folder, enlarge = small_disk
    lab.folder = str(folder)
    lab.stop("full", "the disk is full. Free some space, then run the same command again")
    enlarge()
    lab.end("full")


@pytest.fixture
def replaced(lab):
    """Puts another model into the folder of the job's; what is given back puts its own there again."""
    folder, own = Path(lab.model), Path(f"{lab.model}-own")

    def replace():
        folder.rename(own)
        make_model(lab.model, MODEL, {"category": ("bag", "cap", "mug")}, seed=1)

    def restore():
        if own.exists():
            shutil.rmtree(folder)
            own.rename(folder)

    yield replace, restore
    restore()


@EACH
@pytest.mark.parametrize(
    "when", ["before the work", pytest.param("while a worker dies", marks=[pytest.mark.ray, pytest.mark.long]), "later"]
)
def test_a_model_replaced_in_the_middle_is_one_line_and_the_job_ends_with_its_own(lab, replaced, when):
    replace, restore = replaced
    name = f"{when}-{lab.verb}".replace(" ", "-")
    if when == "later":
        lab.proxy.plan = from_then_on(FIRST, Fault("refuse", status=403, code="AccessDenied"))
        lab.stop(name, "access is denied")
        lab.proxy.plan = no_faults
        replace()
        assert lab.stop(name, "holds another job: its model_digest is ") == 3
    else:
        kill = when == "while a worker dies"
        lab.executor = "ray" if kill else "local"
        lab.proxy.plan = (
            struck_once("/requests/00001", replace, Fault("kill before"), "GET") if kill else struck_once("/plan.json", replace)
        )
        assert lab.stop(name, "was replaced while the job ran. Run the same command again with the model of the job") == 5
    restore()
    lab.end(name)
