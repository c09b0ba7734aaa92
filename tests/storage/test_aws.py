import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from botocore.session import Session

from ganray.errors import AccessDenied
from ganray.storage import aws, open_store

NAMES = (
    "AWS_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CA_BUNDLE",
)
CONFIG = """
[profile shop]
region = eu-north-1
endpoint_url = http://shop:9000/
[profile renewing]
credential_process = {program}
"""
CREDENTIALS = """
[shop]
aws_access_key_id = shop-key
aws_secret_access_key = shop-secret
"""
PROCESS = """
import json, pathlib
count = pathlib.Path({count!r})
number = int(count.read_text()) + 1
count.write_text(str(number))
print(json.dumps({{"Version": 1, "AccessKeyId": f"key-{{number}}", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": {until!r}}}))
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An AWS home of our own: two profiles, no environment, no metadata service."""
    for name in (*NAMES, "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SKIP_SIGNATURE"):
        monkeypatch.delenv(name, raising=False)
    for name, text in (("config", CONFIG.format(program=f"{sys.executable} {tmp_path}/process.py")), ("credentials", CREDENTIALS)):
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def test_endpoint_and_region_of_environment_and_profile(monkeypatch):
    assert (aws.endpoint(Session()), aws.region(Session())) == ("", "us-east-1")
    monkeypatch.setenv("AWS_PROFILE", "shop")
    assert (aws.endpoint(Session()), aws.region(Session())) == ("http://shop:9000", "eu-north-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://one")
    assert aws.endpoint(Session()) == "http://one"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://two")
    assert aws.endpoint(Session()) == "http://two"
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert aws.region(Session()) == "eu-west-1"


def test_credentials_of_a_profile(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "shop")
    credential = aws.credentials(Session(), "s3://b")()
    assert (credential["access_key_id"], credential["secret_access_key"], credential["token"]) == ("shop-key", "shop-secret", None)
    assert timedelta(minutes=9) < credential["expires_at"] - datetime.now(UTC) <= aws.LIFETIME


def test_credentials_are_renewed_before_they_end(home, monkeypatch):
    count, until = home / "count", (datetime.now(UTC) + timedelta(minutes=8)).isoformat()
    count.write_text("0")
    (home / "process.py").write_text(PROCESS.format(count=str(count), until=until))
    monkeypatch.setenv("AWS_PROFILE", "renewing")
    fresh = aws.credentials(Session(), "s3://b")
    first, second = fresh(), fresh()
    assert first["access_key_id"] != second["access_key_id"]
    assert json.loads(count.read_text()) >= 2


def test_no_credentials():
    with pytest.raises(AccessDenied, match=r"s3://photos: no AWS credentials were found\. Set AWS_PROFILE or AWS_ACCESS_KEY_ID"):
        open_store("s3://photos/2026")


def test_half_of_the_credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    with pytest.raises(AccessDenied, match="missing: AWS_SECRET_ACCESS_KEY"):
        open_store("s3://photos/2026")


def test_an_unknown_profile(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(AccessDenied, match=r"The config profile \(nobody\) could not be found\. Check AWS_PROFILE"):
        open_store("s3://photos/2026")


def test_a_ca_bundle_that_is_not_there(monkeypatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere.pem")
    with pytest.raises(AccessDenied, match=r"AWS_CA_BUNDLE /nowhere\.pem: No such file"):
        open_store("s3://photos/2026")


def test_anonymous_needs_no_credentials(monkeypatch):
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    assert open_store("s3://photos/2026").url == "s3://photos/2026"


@pytest.mark.s3
def test_a_profile_leads_to_a_real_store(home, s3_environment, monkeypatch):
    key, secret, endpoint = (s3_environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"))
    (home / "config").write_text(f"[profile real]\nendpoint_url = {endpoint}\n")
    (home / "credentials").write_text(f"[real]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
    monkeypatch.setenv("AWS_PROFILE", "real")
    store = open_store("s3://ganray/profile")
    store.put("k", b"1")
    assert store.get("k") == b"1"
