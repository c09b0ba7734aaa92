"""All verbs against a real S3 server, by the commands a user types: ingest -> train -> generate -> evaluate, all in a bucket."""

import json

import pytest
import yaml

from ganray.storage import open_store
from tests.tools.commands import run_command

OPTIONS = {
    "train": {
        "kimg": 0.064,
        "batch": 16,
        "threads": 1,
        "checkpoint_kimg": 0.032,
        "grid_kimg": 0.064,
        "model": {"widths": [16, 16, 16], "z_dim": 8, "embed_dim": 4},
        "data": {"window": 48},
        "score": {"num": 32, "extractor_kimg": 0.1},
    },
    "evaluate": {"num": 64, "extractor_kimg": 0.1, "copies_by": "fingerprint"},
}


@pytest.fixture
def run(bulk_lab, tmp_path, request):
    """Run a command in a folder of its own, with an executor; returns what it printed."""
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(OPTIONS))
    bulk_lab.reset(executor=request.param)
    bulk_lab.start_cluster()

    def run(*words):
        command = [*words, "--executor", request.param, "--config", tmp_path / "run.yaml"]
        done = run_command(command, env=bulk_lab.environment, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.s3
@pytest.mark.slow
@pytest.mark.parametrize("run", ["local", pytest.param("ray", marks=[pytest.mark.ray, pytest.mark.long])], indirect=True)
def test_from_a_bucket_of_photos_to_new_images(run, s3_url, tmp_path):
    catalog, model, images, scores = (f"{s3_url}/{name}" for name in ("catalog", "model", "images", "scores"))
    run("ingest", "--source", "sample:64", "--out", catalog, "--shard-images", "32")
    run("train", "--catalog", catalog, "--out", model)
    run("generate", "--model", model, "--out", images, "--num", "20")
    run("evaluate", "--model", model, "--catalog", catalog, "--out", scores)

    store = open_store(s3_url)
    assert json.loads(store.get("catalog/catalog.json"))["counts"] == {"listed": 64, "accepted": 64, "quarantined": 0}
    assert json.loads(store.get("model/model.json"))["num_images"] == 64
    assert len(list(store.list("model/checkpoints/", suffix="state.json"))) == 2
    pictures = {info.key: info.etag for info in store.list("images/images/")}
    assert len(pictures) == 20
    assert json.loads(store.get("scores/report.json"))

    books = run("generate", "--model", model, "--out", images, "--num", "20")
    assert "written" in books
    assert {info.key: info.etag for info in store.list("images/images/")} == pictures  # twice is once
    assert not list(tmp_path.glob("*/*"))  # nothing fell beside the bucket
