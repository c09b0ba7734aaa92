import gc
import hashlib
import io
import json
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from ganray.config import EditConfig, RayConfig, StatusConfig
from ganray.edit_engine import EditEngine
from ganray.errors import CheckpointError, ClusterError, ConfigError, RequestError, StorageError
from ganray.images.codec import encode
from ganray.images.provenance import read_label
from ganray.output.edited_file import encode_edited
from ganray.requests import EditRequest, file_name
from ganray.verbs import edit as room
from ganray.verbs.edit import edit, show
from ganray.verbs.status import status
from tests.tools.jobs import contents, kill_at_the_first_image, put_photos
from tests.tools.onnx_files import larger, logarithm, put_networks


@pytest.fixture(autouse=True)
def at_one_time(monkeypatch):
    """The only thing that two jobs of the same photos differ in."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")


@pytest.fixture
def config(seller_photos, tmp_path):
    photos, out = put_photos(tmp_path / "photos", seller_photos), str(tmp_path / "out")
    return EditConfig(source=photos.url, edits="white", out=out, shard_images=4, workers=1, executor="local")


def images_of(config):
    return {key.rpartition("/")[2]: data for key, data in contents(config.out).items() if key.startswith("images/")}


def test_photos_are_edited_once_and_the_books_close(config, seller_photos):
    books = edit(config)
    counted = {name: books[name] for name in ("requests", "images", "written", "existing", "quarantined", "untouched")}
    assert counted == {"requests": 12, "images": 12, "written": 7, "existing": 0, "quarantined": 5, "untouched": 0}
    assert "12 requests, images 12 = written 7 + existing 0 + quarantined 5" in show(books)
    assert show(books).endswith("quarantine.parquet")
    made = contents(config.out)
    rows = pq.read_table(io.BytesIO(made["quarantine.parquet"])).to_pylist()
    assert {row["id"] for row in rows} == {"animated", "broken", "cluttered", "empty", "one"}
    images = images_of(config)
    request = EditRequest(id="mugs/red ü", image="mugs/red ü.jpg", edits="white")  # and as this process makes it
    (alone,) = EditEngine.load(threads=2).edit(request, seller_photos.__getitem__)
    assert images[file_name("mugs/red ü", 0, "jpeg")] == encode_edited(alone, "")
    assert status(StatusConfig(job=config.out))["state"] == "done"

    again = edit(config)
    assert (again["written"], again["existing"], again["quarantined"]) == (0, 7, 5)
    assert contents(config.out) == made
    elsewhere = config.model_copy(update={"out": config.out + "-2", "shard_images": 12})
    edit(elsewhere)
    assert images_of(elsewhere) == images


@pytest.mark.parametrize("executor", ["local", pytest.param("ray", marks=[pytest.mark.ray, pytest.mark.long])])
def test_a_killed_job_completes_with_the_bytes_of_an_uninterrupted_one(config, seller_photos, tmp_path, executor):
    """Killed as soon as it has written an image: on Ray with a cluster of its own. What is left is made in this process."""
    put_photos(config.source, {f"more/{i:03d}.jpg": seller_photos["same.jpg"] for i in range(24)})
    whole = config.model_copy(update={"out": str(tmp_path / "whole")})
    edit(whole)
    cut = whole.model_copy(update={"out": str(tmp_path / "cut")})
    kill_at_the_first_image("edit", cut.model_copy(update={"executor": executor, "ray": RayConfig(num_cpus=3)}), tmp_path)
    books = edit(cut)
    assert (books["written"] + books["existing"], books["quarantined"]) == (31, 5)
    assert contents(cut.out) == contents(whole.out)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"model": "nowhere"}, CheckpointError, "nowhere is not a model folder"),
        ({"edits": "whiten"}, RequestError, "edit 'whiten' is unknown"),
        ({"out": "memory://x"}, ConfigError, "memory is not shared"),
        pytest.param({"workers": 50, "executor": "ray"}, ClusterError, "50 worker", marks=pytest.mark.ray),
    ],
)
def test_what_cannot_work_is_one_line_before_any_work(config, changes, error, said, request):
    if "executor" in changes:
        request.getfixturevalue("cluster")
    with pytest.raises(error) as caught:
        edit(config.model_copy(update=changes))
    assert said in str(caught.value)
    assert not any(key.startswith("images/") for key in contents(config.out))


def test_a_dry_run_estimates_and_writes_nothing(config):
    told = edit(config.model_copy(update={"dry_run": True, "price": 3.6}))
    assert (told["requests"], told["images"], told["shards"], told["tried"]) == (12, 12, 3, 12)
    assert sorted(told["without result"].split(", ")) == ["1 animated", "1 empty", "1 no_network", "1 too_small", "1 truncated"]
    assert told["gigabytes"] > 0 and told["cost per million"] == pytest.approx(1000 / told["img/s"], rel=0.01)
    assert '[{"white": {}}]' in show(told)
    assert not contents(config.out)


@pytest.fixture
def own(tmp_path):
    """A `networks.yaml` of an upscaler."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    return put_networks(tmp_path / "own", upscale=(larger(48), {"size": 48, "halo": 4}))


def test_own_networks_are_part_of_a_job(config, own, seller_photos, tmp_path):
    """Named by labels and books; the same bytes with two lanes, smaller shards and alone; another network, or the same one scaled
    otherwise, is another job."""
    job = config.model_copy(update={"edits": "upscale:2", "networks": own})
    books = edit(job)
    assert (books["written"], books["quarantined"]) == (9, 3)
    images, engine = images_of(job), EditEngine.load(networks=own, threads=1)
    name = file_name("mugs/red ü", 0, "jpeg")
    label = read_label(images[name])
    assert label["ganray:EditModelDigest"] == engine.digest == json.loads(contents(job.out)["plan.json"])["model_digest"]
    digest = hashlib.sha256((tmp_path / "own" / "upscale.onnx").read_bytes()).hexdigest()
    assert engine.digest.startswith(f"upscale:{digest}/")
    request = EditRequest(id="mugs/red ü", image="mugs/red ü.jpg", edits="upscale:2", seed=int(label["ganray:EditSeed"]))
    (alone,) = engine.edit(request, seller_photos.__getitem__)
    assert images[name] == encode_edited(alone, engine.digest)
    elsewhere = job.model_copy(update={"out": f"{job.out}-2", "shard_images": 2, "workers": 2})
    edit(elsewhere)
    assert images_of(elsewhere) == images

    assert edit(job)["existing"] == 9
    scaled = put_networks(tmp_path / "scaled", upscale=(larger(48), {"size": 48, "halo": 6}))
    other = put_networks(tmp_path / "other", upscale=(larger(64), {"size": 64}))
    for networks in (scaled, other, ""):
        with pytest.raises(StorageError, match="holds another job: its model_digest"):
            edit(job.model_copy(update={"networks": networks}))


class Forgetful:
    """An engine that keeps no network once it is loaded: then a worker reads the files again, as on another machine."""

    @staticmethod
    def load(*args, **options):
        return SimpleNamespace(digest=EditEngine.load(*args, **options).digest)


@pytest.mark.parametrize("what", ["file", "table"])
def test_a_network_that_is_replaced_while_the_job_runs_ends_it(config, own, tmp_path, monkeypatch, what):
    """A worker that starts later finds other bytes than those named, or another table: neither goes on."""
    job = config.model_copy(update={"edits": "upscale:2", "networks": own})
    file, open_job = tmp_path / "own" / "upscale.onnx", room.open_job

    def replaced(*args):
        plan = open_job(*args)
        if what == "file":
            file.write_bytes(larger(64))
        else:
            put_networks(tmp_path / "own", upscale=(larger(64), {"size": 64}))
        gc.collect()
        return plan

    with monkeypatch.context() as patched:
        patched.setattr(room, "EditEngine", Forgetful)
        patched.setattr(room, "open_job", replaced)
        said = "has sha256 .* is named for it" if what == "file" else r"networks\.yaml was replaced while the job ran"
        with pytest.raises(CheckpointError, match=said):
            edit(job)
    assert not images_of(job)
    put_networks(tmp_path / "own", upscale=(larger(48), {"size": 48, "halo": 4}))
    assert edit(job)["written"] == 9


def test_a_photo_to_which_a_network_has_no_answer_is_quarantined(config, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    put_photos(config.source, {"dark.png": encode(np.zeros((96, 96, 3), np.uint8), "png")})
    own = put_networks(tmp_path / "own", matte=(logarithm(64, 0.9), {"size": 64, "range": [-1, 1]}))
    edit(config.model_copy(update={"networks": own}))
    rows = pq.read_table(io.BytesIO(contents(config.out)["quarantine.parquet"])).to_pylist()
    (row,) = (row for row in rows if row["id"] == "dark")
    assert row["reason"] == "failed" and "matte.onnx returned numbers that are not finite" in row["message"]
