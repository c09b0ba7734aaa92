"""Bulk jobs on a cluster: what the contract of executed jobs does not hold for both executors."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

import pytest
import ray

from ganray.benchmarks.random_model import make_model
from ganray.config import EditConfig, GenerateConfig, ModelConfig, RayConfig
from ganray.errors import ClusterError
from ganray.storage import open_store
from ganray.verbs.edit import edit
from ganray.verbs.generate import generate

pytestmark = pytest.mark.ray
DRIVER = """
import sys
from ganray.config import GenerateConfig
from ganray.verbs.generate import generate
generate(GenerateConfig.model_validate_json(sys.argv[1]))
"""


@pytest.fixture
def config(cluster, tmp_path, monkeypatch):
    """A job of 31 images in 4 shards."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    tiny = ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8)
    make_model(str(tmp_path / "model"), tiny, {"category": ("bag", "cap", "mug")})
    common = {"shard_images": 8, "threads": 1, "gpu": False, "executor": "ray"}
    return GenerateConfig(model=str(tmp_path / "model"), num=31, out=str(tmp_path / "out"), **common)


def contents(url):
    """All but status.json, which tells the time."""
    store = open_store(url)
    return {info.key: store.get(info.key) for info in store.list() if info.key != "status.json"}


def test_two_engines_make_the_bytes_of_one(config):
    generate(config.model_copy(update={"engines": 2}))
    alone = config.model_copy(update={"out": config.out + "-2", "executor": "local"})
    generate(alone)
    assert contents(config.out) == contents(alone.out)


def test_more_engines_or_workers_than_cpus_are_refused(config, tmp_path):
    with pytest.raises(ClusterError, match="50 engine"):
        generate(config.model_copy(update={"engines": 50}))
    assert not contents(config.out)
    open_store(str(tmp_path / "photos")).put("a.jpg", b"not yet read")
    with pytest.raises(ClusterError, match="50 worker"):
        edit(EditConfig(source=str(tmp_path / "photos"), edits="white", out=config.out, workers=50, executor="ray"))
    assert not contents(config.out)


def test_a_killed_job_completes_with_the_bytes_of_an_uninterrupted_one(config, tmp_path):
    """A driver of its own, with its own cluster, killed as soon as it has written an image."""
    whole = config.model_copy(update={"num": 160, "out": str(tmp_path / "whole")})
    generate(whole)
    cut = whole.model_copy(update={"out": str(tmp_path / "cut")})
    own = cut.model_copy(update={"ray": RayConfig(num_cpus=3)})
    environment = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "RAY_JOB_ID")}
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, own.model_dump_json()], env=environment, start_new_session=True)
    deadline = time.monotonic() + 120
    while not any(open_store(cut.out).list("images")) and driver.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not open_store(cut.out).exists("job.json")
    books = generate(cut)
    assert books["written"] + books["existing"] == 160
    assert contents(cut.out) == contents(whole.out)


@pytest.mark.slow
@pytest.mark.long
def test_prometheus_is_told_the_numbers_of_a_job(config):
    """By Ray's own exporter, which reports every ten seconds."""
    generate(config)
    (node,) = ray.nodes()
    deadline, found = time.monotonic() + 60, {}
    while found.get("written") != 31:
        assert time.monotonic() < deadline, found
        time.sleep(1)
        text = urllib.request.urlopen(f"http://127.0.0.1:{node['MetricsExportPort']}", timeout=10).read().decode()
        lines = [line for line in text.splitlines() if line.startswith("ray_ganray_generate{") and f'job="{config.out}"' in line]
        found = {re.search(r'number="(\w+)"', line)[1]: float(line.rpartition(" ")[2]) for line in lines}
    assert (found["images"], found["quarantined"]) == (31, 0)
