"""The spine against a real S3 server, by the commands a user types: ingest -> train -> generate -> evaluate, all in a bucket."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganray.storage import open_store

ROOT = Path(__file__).parents[2]
TINY = """
train:
  kimg: 0.128
  batch: 16
  threads: 1
  checkpoint_kimg: 0.064
  grid_kimg: 0.128
  model: {widths: [16, 16, 16], z_dim: 8, embed_dim: 4}
  data: {window: 48}
evaluate: {num: 64, extractor_kimg: 0.5}
"""


def run(folder, *words):
    (folder / "run.yaml").write_text(TINY)
    command = [sys.executable, str(ROOT / "jobs" / f"{words[0]}.py"), *words[1:], "--config", str(folder / "run.yaml")]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.ray
@pytest.mark.s3
@pytest.mark.slow
def test_from_a_bucket_of_photos_to_new_images(s3_url, tmp_path):
    catalog, model, images, scores = (f"{s3_url}/{name}" for name in ("catalog", "model", "images", "scores"))
    run(tmp_path, "ingest", "--source", "sample:96", "--out", catalog, "--shard-images", "48")
    run(tmp_path, "train", "--catalog", catalog, "--out", model)
    run(tmp_path, "generate", "--model", model, "--out", images, "--num", "40")
    run(tmp_path, "evaluate", "--model", model, "--catalog", catalog, "--out", scores)

    store = open_store(s3_url)
    assert json.loads(store.get("catalog/catalog.json"))["counts"] == {"listed": 96, "accepted": 96, "quarantined": 0}
    assert json.loads(store.get("model/model.json"))["num_images"] == 128
    assert len(list(store.list("model/checkpoints/", suffix="state.json"))) == 2
    pictures = {info.key: info.etag for info in store.list("images/images/")}
    assert len(pictures) == 40
    assert json.loads(store.get("scores/report.json"))

    books = run(tmp_path, "generate", "--model", model, "--out", images, "--num", "40")
    assert "written" in books
    assert {info.key: info.etag for info in store.list("images/images/")} == pictures  # twice is once
    assert not list(tmp_path.glob("*/*"))  # nothing fell beside the bucket
