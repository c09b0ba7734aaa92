import io

import pyarrow.parquet as pq
import pytest

from ganray.config import EditConfig, RayConfig, StatusConfig
from ganray.edit_engine import EditEngine
from ganray.errors import CheckpointError, ClusterError, ConfigError, RequestError
from ganray.output.edited_file import encode_edited
from ganray.requests import EditRequest, file_name
from ganray.verbs.edit import edit, show
from ganray.verbs.status import status
from tests.tools.jobs import contents, kill_at_the_first_image, put_photos


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
    put_photos(config.source, {f"more/{i:03d}.jpg": seller_photos["same.jpg"] for i in range(60)})
    whole = config.model_copy(update={"out": str(tmp_path / "whole")})
    edit(whole)
    cut = whole.model_copy(update={"out": str(tmp_path / "cut")})
    kill_at_the_first_image("edit", cut.model_copy(update={"executor": executor, "ray": RayConfig(num_cpus=3)}), tmp_path)
    books = edit(cut)
    assert (books["written"] + books["existing"], books["quarantined"]) == (67, 5)
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
