import json
import os
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from ganray.doctor.finding import State
from ganray.doctor.stores import NAME, Probe, probed, seen_from_here
from ganray.storage import SCHEMES, open_store
from ganray.storage.remote import RemoteStore
from tests.tools.s3_server import free_ports


def tried(url):
    """The lines of a store, and the probe while it was there."""
    with probed(url) as (probe, findings):
        pass
    return probe, findings


def test_a_folder_is_written_to_and_left_as_it_was(tmp_path):
    (tmp_path / "mug.png").write_bytes(b"photo")
    with probed(str(tmp_path)) as (probe, findings):
        assert open_store(probe.url).exists(probe.key) and probe.key.startswith(NAME)
        (seen,) = seen_from_here(probe)
        assert seen.state is State.OK
    (finding,) = findings
    assert finding.state is State.OK and "honours conditional writes" in finding.text and "was made" not in finding.text
    assert [path.name for path in tmp_path.iterdir()] == ["mug.png"]


def test_a_folder_that_is_new_is_told(tmp_path):
    _, (finding,) = tried(str(tmp_path / "typo"))
    assert "the folder was made" in finding.text


def test_a_place_that_cannot_be_written_is_one_problem(tmp_path):
    (tmp_path / "file").write_text("")
    probe, (finding,) = tried(str(tmp_path / "file"))
    assert probe is None and finding.state is State.PROBLEM and str(tmp_path) in finding.text and finding.remedy


def test_a_url_that_is_none_is_one_problem():
    probe, (finding,) = tried("ftp://shop/photos")
    assert probe is None and finding.state is State.PROBLEM and "unknown scheme" in finding.text


def test_a_folder_that_another_node_has_not_is_a_problem(tmp_path):
    (finding,) = seen_from_here(Probe(str(tmp_path), f"{NAME}-0"))
    assert finding.state is State.PROBLEM and "is another folder here" in finding.text and "bucket" in finding.remedy


class Overwriting(RemoteStore):
    """A gateway that ignores If-None-Match."""

    def _create(self, path, data):
        return self._etag(self.bucket.put(path, data))


def test_a_gateway_that_overwrites_is_a_problem_and_nothing_stays_in_it(monkeypatch):
    bucket = MemoryStore()
    monkeypatch.setitem(SCHEMES, "gateway", lambda rest: Overwriting(f"gateway://{rest}", bucket, rest, reopen=open_store))
    _, findings = tried("gateway://shop")
    (finding,) = [finding for finding in findings if finding.name == "store"]
    assert finding.state is State.PROBLEM and "ignores If-None-Match" in finding.text and "--allow-unsafe-store" in finding.remedy
    assert list(open_store("gateway://shop").list()) == []


@pytest.mark.s3
def test_a_bucket_is_written_to_and_left_empty(s3_url):
    with probed(s3_url) as (probe, findings):
        assert [info.key for info in open_store(s3_url).list()] == [probe.key]
        assert seen_from_here(probe)[0].state is State.OK
    assert [finding.name for finding in findings] == ["store", "clock"]
    assert all(finding.state is State.OK for finding in findings)
    assert list(open_store(s3_url).list()) == []


@pytest.mark.s3
def test_a_refused_key_has_a_remedy_and_the_clock_all_the_same(s3_url, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    probe, (store, clock) = tried(s3_url)
    assert probe is None and store.state is State.PROBLEM and "access is denied" in store.text and "Log in" in store.remedy
    assert clock.state is State.OK


@pytest.mark.s3
def test_a_bucket_that_is_not_there(s3_url):
    _, (store, _) = tried("s3://ganray-none/x")
    assert store.state is State.PROBLEM and "there is no such bucket" in store.text


@pytest.mark.s3
def test_a_bucket_that_may_not_be_deleted_from_names_what_is_left(s3_url):
    """A policy that refuses deletes, as some teams have."""
    import botocore.session

    client = botocore.session.Session().create_client("s3", "us-east-1", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    bucket = "doctor-keeps"
    client.create_bucket(Bucket=bucket)
    refuse = {"Effect": "Deny", "Principal": "*", "Action": ["s3:DeleteObject"], "Resource": [f"arn:aws:s3:::{bucket}/*"]}
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [refuse]}))
    probe, findings = tried(f"s3://{bucket}/x")
    (left,) = [finding for finding in findings if finding.state is State.NOTE]
    assert "could not be deleted" in left.text and f"Delete s3://{bucket}/x/{probe.key} by hand" in left.remedy
    client.close()


@pytest.mark.slow
def test_a_server_that_is_not_there(monkeypatch):
    """About 15 s: the store's own patience."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    _, (store,) = tried("s3://ganray/x")
    assert store.state is State.PROBLEM and "cannot be reached: connection refused" in store.text and "endpoint" in store.remedy


def test_missing_credentials_are_a_problem(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(Path(tmp_path) / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
    _, (store,) = tried("s3://ganray/x")
    assert store.state is State.PROBLEM and "no AWS credentials were found" in store.text and "AWS_PROFILE" in store.remedy
