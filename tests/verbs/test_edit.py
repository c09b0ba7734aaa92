import io
import os
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from ganray.config import EditConfig, StatusConfig
from ganray.edit_engine import EditEngine
from ganray.errors import CheckpointError, ClusterError, ConfigError, RequestError
from ganray.output.edited_file import encode_edited
from ganray.requests import EditRequest, file_name
from ganray.storage import open_store
from ganray.verbs.edit import edit, show
from ganray.verbs.status import status

DRIVER = """
import sys
from ganray.config import EditConfig
from ganray.verbs.edit import edit
edit(EditConfig.model_validate_json(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def at_one_time(monkeypatch):
    """The only thing that two jobs of the same photos differ in."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")


@pytest.fixture
def config(seller_photos, tmp_path):
    store = open_store(str(tmp_path / "photos"))
    for key, data in seller_photos.items():
        store.put(key, data)
    return EditConfig(
        source=str(tmp_path / "photos"), edits="white", out=str(tmp_path / "out"), shard_images=4, workers=1, executor="local"
    )


def contents(url):
    """All but the news, which tell the time."""
    store = open_store(url)
    return {info.key: store.get(info.key) for info in store.list() if info.key != "status.json"}


def test_photos_are_edited_once_and_the_books_close(config, seller_photos):
    books = edit(config)
    counted = {name: books[name] for name in ("requests", "images", "written", "existing", "quarantined", "untouched")}
    assert counted == {"requests": 12, "images": 12, "written": 7, "existing": 0, "quarantined": 5, "untouched": 0}
    assert "12 requests, images 12 = written 7 + existing 0 + quarantined 5" in show(books)
    assert show(books).endswith("quarantine.parquet")
    made = contents(config.out)
    rows = pq.read_table(io.BytesIO(made["quarantine.parquet"])).to_pylist()
    assert {row["id"] for row in rows} == {"animated", "broken", "cluttered", "empty", "one"}
    images = {key.rpartition("/")[2]: data for key, data in made.items() if key.startswith("images/")}
    request = EditRequest(id="mugs/red ü", image="mugs/red ü.jpg", edits="white")  # and as this process makes it
    (alone,) = EditEngine.load(threads=2).edit(request, seller_photos.__getitem__)
    assert images[file_name("mugs/red ü", 0, "jpeg")] == encode_edited(alone, "")
    assert status(StatusConfig(job=config.out))["state"] == "done"

    again = edit(config)
    assert (again["written"], again["existing"], again["quarantined"]) == (0, 7, 5)
    assert contents(config.out) == made
    elsewhere = config.model_copy(update={"out": config.out + "-2", "workers": 2})
    edit(elsewhere)
    assert contents(elsewhere.out) == made


def test_a_killed_job_completes_with_the_bytes_of_an_uninterrupted_one(config, seller_photos, tmp_path):
    """A process of its own, killed as soon as it has written an image."""
    source = open_store(config.source)
    for i in range(60):
        source.put(f"more/{i:03d}.jpg", seller_photos["same.jpg"])
    whole = config.model_copy(update={"out": str(tmp_path / "whole")})
    edit(whole)
    cut = whole.model_copy(update={"out": str(tmp_path / "cut")})
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, cut.model_dump_json()], start_new_session=True)
    deadline = time.monotonic() + 120
    while not any(open_store(cut.out).list("images")) and driver.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not open_store(cut.out).exists("job.json")
    books = edit(cut)
    assert (books["written"] + books["existing"], books["quarantined"]) == (67, 5)
    assert contents(cut.out) == contents(whole.out)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"model": "nowhere"}, CheckpointError, "nowhere is not a model folder"),
        ({"edits": "whiten"}, RequestError, "edit 'whiten' is unknown"),
        ({"out": "memory://x"}, ConfigError, "memory is not shared"),
        ({"workers": 50}, ClusterError, "50 worker"),
    ],
)
def test_what_cannot_work_is_one_line_before_any_work(config, changes, error, said):
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
