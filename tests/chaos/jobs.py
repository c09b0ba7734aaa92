"""The commands that hosts are taken from: what each reads, how far it is, and what it has made when it has ended."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import pyarrow.parquet as pq

from ganray.catalog.sample import draw, product
from ganray.catalog.schema import CATALOG_KEY
from ganray.errors import GanrayError, ObjectNotFound
from ganray.images.codec import encode
from ganray.runs.checkpoints import places
from ganray.storage import open_store
from tests.tools.models import save_untrained_model

BUCKET = "s3://ganray"
PHOTOS, CATALOG, MODEL = f"{BUCKET}/photos", f"{BUCKET}/catalog", f"{BUCKET}/model"
NUM_PHOTOS, SIDE, NUM_IMAGES = 480, 96, 2400
STEPS, BATCH = 160, 16
ATTRIBUTES = {"category": ("bag", "cap", "mug"), "colour": ("red", "green")}

TRAINING = [
    *("train", "--catalog", CATALOG, "--kimg", str(STEPS * BATCH / 1000), "--batch", str(BATCH), "--checkpoint-kimg", "0.128"),
    *("--log-kimg", "0.064", "--grid-kimg", "100", "--precision", "fp32", "--model.widths", "8,8,8", "--model.patch", "2"),
    *("--model.z-dim", "8", "--model.embed-dim", "4", "--workers", "2", "--threads", "1", "--max-failures", "3"),
]


@dataclass(frozen=True)
class Job:
    """A command, without --out.

    `words` are followed by `on_cluster` where it has one. `progress` is a share of the work, read from the store; None where nothing there
    tells it. `needs` names the jobs whose undisturbed results it reads.
    """

    name: str
    words: list[str]
    made: Callable[[str], dict[str, str]]
    progress: Callable[[str], float] | None = None
    needs: tuple[str, ...] = ()
    inputs: Callable[[], None] | None = None
    on_cluster: tuple[str, ...] = ()
    alone: bool = True  # it can be done by one host, without a cluster
    worker: str = "ray::ShardActor"  # in the title of its workers' processes
    resume: tuple[str, ...] = ()  # what the command says when it is run again

    @property
    def undisturbed(self) -> str:
        """Where the result lies that nothing has disturbed."""
        return CATALOG if self.name == "ingest" else f"{BUCKET}/undisturbed-{self.name}"


def put_photos() -> None:
    """Photos of a sample catalog, in folders by category; nothing where they are there."""
    store = open_store(PHOTOS)
    if any(store.list()):
        return
    for number in range(NUM_PHOTOS):
        item = product(0, number)
        store.put(f"{item.category}/{number:05d}.jpg", encode(draw(item, SIDE)[0], "jpeg"))


def put_model() -> None:
    """A model of random weights."""
    save_untrained_model(MODEL, ATTRIBUTES)


def digests(out: str, folder: str) -> dict[str, str]:
    """The sha256 of every object in a folder by its key."""
    store = open_store(out)
    return {info.key: hashlib.sha256(store.get(info.key)).hexdigest() for info in store.list(folder)}


def pictures(out: str) -> dict[str, str]:
    """The images of a bulk job, and what its manifest says of each but the time."""
    rows = pq.read_table(io.BytesIO(open_store(out).get("manifest.parquet"))).to_pylist()
    return digests(out, "images") | {f"{row['id']}/{row['index']}": str({**row, "time": ""}) for row in rows}


def catalog(out: str) -> dict[str, str]:
    """The prepared photos, and what the catalog says of itself but the time."""
    told = json.loads(open_store(out).get(CATALOG_KEY))
    return digests(out, "shards") | {name: str(value) for name, value in told.items() if name != "created"}


def weights(out: str) -> dict[str, str]:
    """The sha256 of the model and of the last checkpoint of a finished run."""
    store = open_store(out)
    newest = places(store)[0]
    keys = {"model": "model.safetensors", f"state at {newest.num_images}": f"{newest.folder}/state.safetensors"}
    return {name: hashlib.sha256(store.get(key)).hexdigest() for name, key in keys.items()}


def report(out: str) -> dict[str, str]:
    """What an evaluation has found; its extractor lies in its own folder."""
    found = json.loads(open_store(out).get("report.json"))
    del found["extractor"]["url"]
    return {name: json.dumps(value) for name, value in found.items()}


def share_of(folder: str, total: int) -> Callable[[str], float]:
    """How far a job is by the number of objects in a folder."""
    return lambda out: sum(1 for _ in open_store(out).list(folder)) / total


def share_of_training(out: str) -> float:
    """How far a run is by its last checkpoint."""
    try:
        found = places(open_store(out))
    except (GanrayError, ObjectNotFound):
        return 0.0
    return found[0].num_images / (STEPS * BATCH) if found else 0.0


TRAIN = Job("train", TRAINING, weights, share_of_training, ("ingest",), alone=False, worker="TrainWorker", resume=("--resume",))
JOBS = {
    job.name: job
    for job in (
        Job(
            "ingest",
            ["ingest", "--source", PHOTOS, "--resolution", "32", "--shard-images", "8"],
            catalog,
            share_of("shards", NUM_PHOTOS // 8),
            inputs=put_photos,
        ),
        Job(
            "generate",
            ["generate", "--model", MODEL, "--num", str(NUM_IMAGES), "--shard-images", "20", "--seed", "3"],
            pictures,
            share_of("images", NUM_IMAGES),
            inputs=put_model,
            on_cluster=("--engines", "2"),
        ),
        Job(
            "edit",
            ["edit", "--source", PHOTOS, "--edits", "white", "--shard-images", "8"],
            pictures,
            share_of("images", NUM_PHOTOS),
            inputs=put_photos,
        ),
        Job(
            "evaluate",
            ["evaluate", "--model", f"{BUCKET}/undisturbed-train", "--catalog", CATALOG, "--num", "128", "--extractor-kimg", "2"],
            report,
            needs=("ingest", "train"),
            worker="ray::_generate",
        ),
        TRAIN,
        replace(TRAIN, name="train-elastic", words=[*TRAIN.words, "--min-workers", "1"]),
    )
}
