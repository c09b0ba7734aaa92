"""The script runs against a server of this process; locust patches what it is imported into, so it has a process of its own."""

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from ganray.benchmarks.random_model import make_model
from ganray.benchmarks.serve_sides import free_port
from ganray.config import ServeConfig
from ganray.serving.local_server import start_local

SCRIPT = Path(__file__).with_name("locustfile.py")


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="pip install locust")
def test_every_task_of_the_script_is_answered(tmp_path):
    make_model(str(tmp_path / "model"))
    server = start_local(ServeConfig(model=str(tmp_path / "model"), port=free_port(), threads=1, gpu=False))
    command = [sys.executable, "-m", "locust", "-f", str(SCRIPT)]
    try:
        options = ["--headless", "-u", "6", "-r", "6", "-t", "8s", "--host", server.url, "--csv", str(tmp_path / "load"), "--only-summary"]
        done = subprocess.run([*command, *options], check=False, capture_output=True, text=True, timeout=120)
    finally:
        server.stop()
    assert done.returncode == 0, done.stderr[-3000:]  # 1 where a request failed
    rows = {row["Name"]: row for row in csv.DictReader((tmp_path / "load_stats.csv").read_text().splitlines())}
    assert {"generate", "generate, known", "edit", "/v1/models"} <= rows.keys()
    assert int(rows["Aggregated"]["Request Count"]) > 20 and rows["Aggregated"]["Failure Count"] == "0"
