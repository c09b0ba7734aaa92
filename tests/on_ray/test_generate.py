import json
import os
import signal
import subprocess
import sys
import time

import pytest

from ganray.config import GenerateConfig, ModelConfig, RayConfig
from ganray.engine import Engine
from ganray.errors import CheckpointError, ClusterError, ConfigError, ObjectNotFound, StorageError
from ganray.images.provenance import read_label
from ganray.on_ray.bench_model import make_model
from ganray.on_ray.files import encode_sample
from ganray.on_ray.generate import generate
from ganray.requests import GenerateRequest, file_name
from ganray.storage import open_store

pytestmark = pytest.mark.ray
TINY = ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8)
DRIVER = """
import sys
from ganray.config import GenerateConfig
from ganray.on_ray.files import encode_sample
from ganray.on_ray.generate import generate
generate(GenerateConfig.model_validate_json(sys.argv[1]))
"""
ATTRIBUTES = {"category": ("bag", "cap", "mug"), "colour": ("red", "green")}
TABLE = [
    {"id": "SKU/1", "attributes": {"category": "mug"}, "count": 21},
    {"id": "b", "seed": 4, "format": "webp"},
    {"id": "c", "count": 9, "attributes": {"colour": "red", "category": "cap"}},
]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, TINY, ATTRIBUTES)
    return folder


@pytest.fixture
def config(cluster, model, tmp_path):
    (tmp_path / "table.jsonl").write_text("\n".join(json.dumps(row) for row in TABLE))
    table, out = str(tmp_path / "table.jsonl"), str(tmp_path / "out")
    return GenerateConfig(model=model, requests=table, out=out, shard_images=8, threads=1, gpu=False)


def contents(url):
    store = open_store(url)
    return {info.key: store.get(info.key) for info in store.list()}


def test_a_table_becomes_labelled_images_once(config):
    books = generate(config)
    assert {name: books[name] for name in ("requests", "images", "written", "existing", "quarantined")} == {
        "requests": 3,
        "images": 31,
        "written": 31,
        "existing": 0,
        "quarantined": 0,
    }
    made = contents(config.out)
    images = {key.rpartition("/")[2]: data for key, data in made.items() if key.startswith("images/")}
    engine = Engine.load(config.model, "cpu", 2)
    for sample in engine.generate(GenerateRequest(**row) for row in TABLE[1:]):
        request = sample.request
        expected = encode_sample(sample.pixels, request.id, sample.index, request.seed, request.format, engine.info.digest)
        assert images[f"{request.id}-{sample.index}.{request.format}"] == expected
    assert all(read_label(data) for data in images.values())

    again = generate(config)
    assert (again["written"], again["existing"]) == (0, 31)
    assert contents(config.out) == made

    elsewhere = config.model_copy(update={"out": config.out + "-2", "engines": 2})
    generate(elsewhere)
    assert contents(elsewhere.out) == made


def test_without_a_table_requests_spread_over_the_first_attribute(config):
    books = generate(config.model_copy(update={"requests": "", "num": 7, "format": "jpeg"}))
    assert books["images"] == books["written"] == 7
    names = sorted(key.rpartition("/")[2] for key in contents(config.out) if key.startswith("images/"))
    assert names[0] == "bag-000000-0.jpg"
    assert [name[:3] for name in names] == ["bag"] * 3 + ["cap"] * 2 + ["mug"] * 2


def test_a_killed_job_completes_with_the_bytes_of_an_uninterrupted_one(config, tmp_path):
    """A driver of its own, with its own cluster, killed as soon as it has written an image."""
    whole = config.model_copy(update={"requests": "", "num": 160, "out": str(tmp_path / "whole")})
    generate(whole)
    cut = whole.model_copy(update={"out": str(tmp_path / "cut")})
    local = cut.model_copy(update={"ray": RayConfig(num_cpus=3)})
    environment = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "RAY_JOB_ID")}
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, local.model_dump_json()], env=environment, start_new_session=True)
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


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"model": "nowhere"}, CheckpointError, "nowhere is no model folder"),
        ({"requests": "nowhere/table.csv"}, ObjectNotFound, "nowhere/table.csv"),
        ({"out": "memory://x"}, ConfigError, "memory is not shared"),
        ({"engines": 50}, ClusterError, "50 engine"),
    ],
)
def test_what_cannot_work_is_one_line_before_any_work(config, changes, error, said):
    with pytest.raises(error) as caught:
        generate(config.model_copy(update=changes))
    assert said in str(caught.value)
    assert not contents(config.out)


def test_another_model_in_the_same_place_is_refused(config, tmp_path):
    generate(config)
    make_model(str(tmp_path / "other"), TINY, ATTRIBUTES, seed=1)
    with pytest.raises(StorageError, match="holds another job: its model_digest"):
        generate(config.model_copy(update={"model": str(tmp_path / "other")}))
    with pytest.raises(StorageError, match="holds another job: its requests_digest"):
        generate(config.model_copy(update={"seed": 1}))


def test_an_error_in_a_worker_comes_out_as_itself(config):
    store, key = open_store(config.out), f"images/00000/{file_name('SKU/1', 0, 'png')}"
    store.put(key, b"somebody else's")
    with pytest.raises(StorageError, match="is there already with other bytes") as caught:
        generate(config)
    assert type(caught.value) is StorageError
    assert store.get(key) == b"somebody else's"
