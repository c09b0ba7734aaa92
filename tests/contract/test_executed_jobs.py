"""Contract of whole jobs over both executors: the same bytes and books, the same errors, and a job begun on one goes on on the other."""

import itertools
import json
import subprocess
import sys

import pytest

from ganray.benchmarks.random_model import make_model
from ganray.config import EditConfig, GenerateConfig, StatusConfig
from ganray.errors import CheckpointError, RequestError, StorageError
from ganray.storage import open_store
from ganray.verbs.edit import edit
from ganray.verbs.generate import generate
from ganray.verbs.status import status
from tests.tools.jobs import contents, put_photos
from tests.tools.models import ATTRIBUTES, SMALLEST

BOTH = ["local", pytest.param("ray", marks=pytest.mark.ray)]
TABLE = [
    {"id": "SKU/1", "attributes": {"category": "mug"}, "count": 21},
    {"id": "b", "seed": 4, "format": "webp"},
    {"id": "c", "count": 9, "attributes": {"colour": "red", "category": "cap"}},
]
GENERATE_ON_RAY = pytest.param("generate", "ray", marks=pytest.mark.ray)
VERBS = {"generate": generate, "edit": edit}
LAST = {"generate": "images/00003/c-8.png", "edit": "images/00002/same.webp-0.webp"}  # of the last shards of both jobs


@pytest.fixture(autouse=True)
def at_one_time(monkeypatch):
    """The only thing that two jobs of the same table differ in."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")


@pytest.fixture(params=BOTH)
def executor(request):
    """The name of an executor; for Ray's with the cluster of this test run."""
    if request.param == "ray":
        request.getfixturevalue("cluster")
    return request.param


@pytest.fixture(scope="module")
def places(tmp_path_factory, seller_photos):
    """A folder with a model, a table of requests and a seller's photos."""
    folder = tmp_path_factory.mktemp("job")
    make_model(str(folder / "model"), SMALLEST, ATTRIBUTES)
    (folder / "table.jsonl").write_text("\n".join(map(json.dumps, TABLE)))
    put_photos(folder / "photos", seller_photos)
    return folder


@pytest.fixture(params=sorted(VERBS))
def verb(request):
    return request.param


@pytest.fixture
def job(verb, places, tmp_path):
    """The configuration of a job of either verb, of 31 images in 4 shards, or of 12 in 3."""
    common = {"out": str(tmp_path / "out"), "executor": "local"}
    if verb == "edit":
        return EditConfig(source=str(places / "photos"), edits="white", shard_images=4, **common)
    return GenerateConfig(model=str(places / "model"), requests=str(places / "table.jsonl"), shard_images=8, threads=1, gpu=False, **common)


@pytest.fixture(scope="module")
def wholes():
    return {}


@pytest.fixture
def whole(verb, job, wholes, tmp_path):
    """The objects and the books of a job that ran in this process, and that nothing happened to."""
    if verb not in wholes:
        there = job.model_copy(update={"out": str(tmp_path / "whole")})
        wholes[verb] = counts(VERBS[verb](there)), contents(there.out)
    return wholes[verb]


def counts(books):
    names = ("requests", "images", "written", "existing", "quarantined")
    return {name: books[name] for name in names}


def at(job, executor, **changes):
    return job.model_copy(update={"executor": executor, **changes})


def test_the_same_bytes_and_the_same_books(verb, job, executor, whole):
    assert counts(VERBS[verb](at(job, executor))) == whole[0]
    assert contents(job.out) == whole[1]
    assert status(StatusConfig(job=job.out))["state"] == "done"
    again = VERBS[verb](at(job, executor))
    assert (again["written"], again["existing"]) == (0, whole[0]["written"])
    assert contents(job.out) == whole[1]


def changes_of_executor():
    """(verb, first, second): every pair for each verb. The short form has each direction once, and each verb by itself."""
    short = {("generate", "local", "ray"), ("edit", "ray", "local"), ("generate", "local", "local"), ("edit", "local", "local")}
    for case in itertools.product(sorted(VERBS), ("local", "ray"), ("local", "ray")):
        marks = ([pytest.mark.ray] if "ray" in case else []) + ([] if case in short else [pytest.mark.long])
        yield pytest.param(*case, marks=marks)


@pytest.mark.parametrize(("verb", "first", "second"), list(changes_of_executor()))
def test_a_job_that_failed_on_one_goes_on_on_the_other(verb, job, first, second, whole, request):
    """Its last shard finds other bytes under a key; the shards before it are kept."""
    if "ray" in (first, second):
        request.getfixturevalue("cluster")
    store = open_store(job.out)
    (key,) = (key for key in whole[1] if key == LAST[verb])
    store.put(key, b"somebody else's")
    with pytest.raises(StorageError, match=r"is there already with other bytes") as caught:
        VERBS[verb](at(job, first))
    assert type(caught.value) is StorageError
    assert store.get(key) == b"somebody else's"
    assert status(StatusConfig(job=job.out))["state"] == "failed"
    store.delete(key)
    books = VERBS[verb](at(job, second))
    assert books["written"] + books["existing"] == whole[0]["written"]
    assert contents(job.out) == whole[1]


def test_what_cannot_work_is_one_error_before_any_work(verb, job, executor, tmp_path):
    with pytest.raises(CheckpointError, match="nowhere is not a model folder"):
        VERBS[verb](at(job, executor, model="nowhere"))
    (tmp_path / "wrong.jsonl").write_text('{"id": "a", "attributes": {"colour": "pink"}}')
    wrong = {"edits": "whiten"} if verb == "edit" else {"requests": str(tmp_path / "wrong.jsonl")}
    with pytest.raises(RequestError):
        VERBS[verb](at(job, executor, **wrong))
    assert not contents(job.out)


@pytest.mark.parametrize("verb", ["generate"])
def test_a_model_that_was_replaced_stops_the_job(job, executor, tmp_path, monkeypatch):
    """The check is made by every worker, so its error comes from where the workers are."""
    make_model(str(tmp_path / "model"), SMALLEST, ATTRIBUTES)
    module = sys.modules[generate.__module__]
    real = module.open_job

    def replaced(*given):
        make_model(str(tmp_path / "model"), SMALLEST, ATTRIBUTES, seed=9)
        return real(*given)

    monkeypatch.setattr(module, "open_job", replaced)
    with pytest.raises(CheckpointError, match="was replaced while the job ran") as caught:
        generate(at(job, executor, model=str(tmp_path / "model")))
    assert type(caught.value) is CheckpointError


@pytest.mark.parametrize(
    ("verb", "executor"),
    [("edit", "local"), ("generate", "local"), pytest.param("edit", "ray", marks=[pytest.mark.ray, pytest.mark.long]), GENERATE_ON_RAY],
    indirect=["executor"],
)
def test_a_full_disk_stops_a_job_that_goes_on_where_there_is_room(verb, job, executor, whole, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", disk], capture_output=True, text=True, check=False)
    if mount.returncode:
        pytest.skip(f"no disk of its own: {mount.stderr.strip()}")
    try:
        with pytest.raises(StorageError, match="the disk is full") as caught:
            VERBS[verb](at(job, executor, out=str(disk / "out")))
        assert type(caught.value) is StorageError
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        VERBS[verb](at(job, executor, out=str(disk / "out")))
        assert contents(str(disk / "out")) == whole[1]
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
