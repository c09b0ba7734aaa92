"""Fixtures for every test: an S3-compatible server, started once and only where a test asks for it."""

import importlib.util
import os
import uuid
from pathlib import Path

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads: spinning threads on shared cores are up to 27x slower


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the tests marked `long` too: the whole of what CI runs a short form of")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def s3_environment():
    """The environment variables that lead any S3 client to a real server; skips where its packages are not installed."""
    spec = importlib.util.spec_from_file_location("s3server", Path(__file__).with_name("s3server.py"))
    server = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(server)
    if reason := server.missing():
        pytest.skip(reason)
    with server.running() as environment:
        yield environment


@pytest.fixture
def s3_url(s3_environment, monkeypatch) -> str:
    """A fresh prefix of a bucket, with the environment set to reach it."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_SKIP_SIGNATURE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://ganray/{uuid.uuid4().hex}"
