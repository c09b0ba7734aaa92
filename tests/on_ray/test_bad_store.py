"""Whole jobs, of both kinds, over a store that goes wrong in the middle: bodies cut, a key revoked, no room left, a model replaced."""

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from ganray.benchmarks.exactly_once import MODEL, Bench
from ganray.benchmarks.fault_proxy import Fault
from ganray.benchmarks.random_model import make_model
from ganray.storage import open_store

pytestmark = [pytest.mark.s3, pytest.mark.ray, pytest.mark.slow]
EACH = pytest.mark.parametrize("lab", ["generate", "edit"], indirect=True)
GENERATE, EDIT = (  # one of the two in the short form
    pytest.mark.parametrize("lab", [one, pytest.param(other, marks=pytest.mark.long)], indirect=True)
    for one, other in (("generate", "edit"), ("edit", "generate"))
)
FIRST = "/receipts/00000"


class Lab(Bench):
    """A Bench of either verb: what is edited are a seller's photos, beside a model that generates."""

    verb, photos, folder = "generate", "", ""

    def words(self, name):
        verb, *words = super().words(name)
        if self.folder:  # a local store instead of the bucket
            words[words.index("--out") + 1] = f"{self.folder}/{name}"
        if self.verb == verb:
            return [verb, *words]
        table = words.index("--requests")
        del words[table : table + 2], words[-3:]
        return ["edit", *words, "--source", self.photos, "--edits", "white", "--workers", "1"]

    def contents(self, name):
        if not self.folder:
            return super().contents(name)
        store = open_store(f"{self.folder}/{name}")
        return {info.key: store.get(info.key) for info in store.list() if info.key != "status.json"}

    def stop(self, name, said):
        """Run a job that is to stop with exit code 3 or 5; it says so in one line, beside the bar's and Ray's own of a dead worker."""
        code, output = self.finish(name)
        lines = [line for line in output.splitlines() if line.startswith("ganray ")]
        assert code in (3, 5) and len(lines) == 1 and "Traceback" not in output, output
        assert lines[0].startswith(f"ganray {self.verb}: error: ") and said in lines[0], output
        return code

    def end(self, name):
        """Run a job that is to succeed, and compare it with one that nothing happened to."""
        self.proxy.plan = passing
        code, output = self.finish(name)
        assert code == 0, output
        found, whole = self.contents(name), self.wholes[self.verb]
        assert found.keys() == whole.keys()
        assert [key for key in found if found[key] != whole[key]] == []


def passing(call):
    return None


@pytest.fixture(scope="module")
def started(s3_environment, seller_photos):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_environment.items():
            patch.setenv(name, value)
        with Lab("s3://ganray/bad") as lab:
            source = lab.store.child("photos")
            for key, data in seller_photos.items():
                source.put(key, data)
            lab.photos, lab.wholes = source.url, {"generate": lab.whole}
            lab.verb = "edit"
            code, said = lab.finish("whole-edit")
            assert code == 0, said
            lab.wholes["edit"] = lab.contents("whole-edit")
            yield lab


@pytest.fixture
def lab(started, request):
    started.verb, started.folder = request.param, ""
    yield started
    started.proxy.plan, started.folder = passing, ""


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
        pytest.param(403, "InvalidAccessKeyId", "access is denied (InvalidAccessKeyId). Log in again", marks=pytest.mark.long),
        pytest.param(507, "InsufficientStorage", "the store is full (InsufficientStorage). Make room", marks=pytest.mark.long),
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
    "when", ["before the work", pytest.param("while a worker dies", marks=pytest.mark.long), pytest.param("later", marks=pytest.mark.long)]
)
def test_a_model_replaced_in_the_middle_is_one_line_and_the_job_ends_with_its_own(lab, replaced, when):
    replace, restore = replaced
    name = f"{when}-{lab.verb}".replace(" ", "-")
    if when == "later":
        lab.proxy.plan = from_then_on(FIRST, Fault("refuse", status=403, code="AccessDenied"))
        lab.stop(name, "access is denied")
        lab.proxy.plan = passing
        replace()
        assert lab.stop(name, "holds another job: its model_digest is ") == 3
    else:
        kill = when == "while a worker dies"
        lab.proxy.plan = (
            struck_once("/requests/00001", replace, Fault("kill before"), "GET") if kill else struck_once("/plan.json", replace)
        )
        assert lab.stop(name, "was replaced while the job ran. Run the same command again with the model of the job") == 5
    restore()
    lab.end(name)
