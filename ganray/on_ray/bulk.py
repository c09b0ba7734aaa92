"""The books of a bulk job: what is to be made, what has been, and when it is all there. No Ray in here, and no torch.

plan.json               who this job is: created first, compared by every later run (another model or table is refused)
requests/00000.jsonl    the work of one shard: at most `shard_images` images
images/00000/ID-K.png   created only if absent; there already with equal bytes counts as done, with other bytes is an error
receipts/00000.parquet  one row an image, created after the shard's images: a shard with a receipt is finished
manifest.parquet        all receipts of images; quarantine.parquet: the images that could not be made, with their reasons
job.json                the closed books, written last

Nothing in these objects tells the time or the number of attempts: however often a job is cut off, they end up the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from io import BytesIO
from itertools import islice
from typing import IO, Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ganray.errors import ImageError, ObjectExists, StorageError
from ganray.on_ray.bulk_plan import Plan, json_bytes, shard_key
from ganray.on_ray.files import encode_sample
from ganray.requests import file_name
from ganray.storage import Store

PARALLEL_WRITES = 32
PROBES, QUICK = 4, 0.0015  # writes that are timed, and the seconds below which a write is better not handed to a thread
CHUNK = 64  # encoded, then written: one by one, the system's calls and the encoder drive each other out of the caches (60 us an image)
ROW_GROUP = 65_536  # rows of the manifest
Outcome = Literal["written", "existing", "quarantined"]


def finished(store: Store) -> set[int]:
    """The shards that have receipts."""
    return {int(info.key.rpartition("/")[2].partition(".")[0]) for info in store.list("receipts", ".parquet")}


class Tally(NamedTuple):
    """What comes back of a shard: images by outcome, and when (seconds since 1970) the engine behind it was ready."""

    written: int
    existing: int
    quarantined: int
    ready: float

    @property
    def images(self) -> int:
        """All of them."""
        return self.written + self.existing + self.quarantined


def write(rendered: pa.Table, *, store: Store, model_digest: str) -> dict[str, NDArray[Any]]:
    """The task behind the engines: the images and the receipt of one rendered shard; its Tally as a one-row batch.

    `rendered` has the columns shard, ready (see Tally), and those of `write_shard`.
    """
    shard, ready = (rendered.column(name)[0].as_py() for name in ("shard", "ready"))
    outcomes = write_shard(store, shard, rendered.drop_columns(["shard", "ready"]), model_digest)
    tally = Tally(outcomes.count("written"), outcomes.count("existing"), outcomes.count("quarantined"), ready)
    return {name: np.array([value]) for name, value in tally._asdict().items()}


def write_shard(store: Store, shard: int, rendered: pa.Table, model_digest: str) -> list[Outcome]:
    """Encode, label and create the images of a shard, then its receipt.

    `rendered` has the columns id, index, seed, format, side, quality, truncation, one `attr:NAME` an attribute, perhaps title, and pixels
    (R * R * 3 bytes, row-major RGB).
    Returns the outcome of every image. Raises StorageError where a key is taken by other bytes.
    """
    pixels = rendered.column("pixels").combine_chunks()
    side = round((len(pixels[0].as_buffer()) / 3) ** 0.5)
    facts: list[dict[str, Any]] = []

    def encoded() -> Iterator[tuple[str, bytes]]:
        """Key and bytes of every image that could be labelled, in order; the facts of all of them go into `facts`."""
        for row in rendered.drop_columns(["pixels"]).to_pylist():
            image = np.frombuffer(pixels[len(facts)].as_buffer(), np.uint8).reshape(side, side, 3)
            try:
                named = row["id"], row["index"], row["seed"]
                data = encode_sample(image, *named, row["format"], model_digest, side=row["side"], quality=row["quality"])
            except ImageError as error:
                facts.append({"key": "", "bytes": 0, "sha256": "", "reason": error.reason, "message": str(error)})
                continue
            key = f"images/{shard:05d}/{file_name(row['id'], row['index'], row['format'])}"
            facts.append({"key": key, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "reason": "", "message": ""})
            yield key, data

    outcomes = _create_all(store, encoded())
    receipt = rendered.drop_columns(["pixels"])
    for name, kind in (
        ("key", pa.string()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
    ):
        receipt = receipt.append_column(name, pa.array([fact[name] for fact in facts], kind))
    sides = pc.if_else(pc.equal(receipt.column("side"), 0), side, receipt.column("side")).cast(pa.int32())
    receipt = receipt.drop_columns(["side"]).append_column("width", sides).append_column("height", sides)
    receipt = receipt.append_column("model_digest", pa.array([model_digest] * len(facts)))
    store.settle()  # a receipt must not outlive its images
    _create(store, shard_key("receipts", shard, "parquet"), _parquet(receipt))
    return outcomes + ["quarantined"] * (len(facts) - len(outcomes))


def close_job(store: Store, plan: Plan) -> dict[str, int]:
    """Write the manifest and the quarantine from all receipts, then job.json; returns the number of images and of quarantined ones.

    A job that is closed already is left as it is.
    """
    if store.exists("job.json"):
        job = json.loads(store.get("job.json"))
        return {name: job[name] for name in ("images", "quarantined")}
    with tempfile.TemporaryFile() as first, tempfile.TemporaryFile() as second:
        images, quarantined = _Sheet(first), _Sheet(second)
        for shard in range(plan.shards):
            receipt = pq.read_table(BytesIO(store.get(shard_key("receipts", shard, "parquet"))))
            good = pc.equal(receipt.column("reason"), "")
            images.add(receipt.filter(good).drop_columns(["reason", "message"]))
            quarantined.add(receipt.filter(pc.invert(good)))
        manifest = images.finish()
        store.put("manifest.parquet", manifest)
        if quarantined.rows:
            store.put("quarantine.parquet", quarantined.finish())
    books = {"images": images.rows, "quarantined": quarantined.rows}
    if sum(books.values()) != plan.images:
        found = f"the receipts count {sum(books.values())} images, the plan {plan.images}"
        raise StorageError(f"{store.url}: {found}", "Delete receipts/ and run again")
    store.settle()
    store.put("job.json", json_bytes({**asdict(plan), **books, "manifest_sha256": hashlib.sha256(manifest).hexdigest()}))
    return books


def _create_all(store: Store, objects: Iterator[tuple[str, bytes]]) -> list[Outcome]:
    """One after another where a write takes less time than threads cost each other (a local disk), else many at a time, while
    `objects` goes on being drawn."""
    outcomes: list[Outcome] = []
    quickest = math.inf
    for key, data in islice(objects, PROBES):
        started = time.perf_counter()
        outcomes.append(_create(store, key, data))
        quickest = min(quickest, time.perf_counter() - started)
    if quickest < QUICK:
        while chunk := list(islice(objects, CHUNK)):
            outcomes += [_create(store, key, data) for key, data in chunk]
        return outcomes
    with ThreadPoolExecutor(PARALLEL_WRITES, "put") as pool:
        return outcomes + list(pool.map(lambda one: _create(store, *one), objects))


def _create(store: Store, key: str, data: bytes) -> Outcome:
    try:
        store.create(key, data)
    except ObjectExists:
        if store.get(key) != data:
            raise StorageError(
                f"{store.url_of(key)} is there already with other bytes",
                "It was made by another job, or on another kind of processor: choose another out, or delete it and run again",
            ) from None
        return "existing"
    return "written"


def _parquet(table: pa.Table) -> bytes:
    sink = BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


class _Sheet:
    """A Parquet object that grows by tables of one schema, kept on disk until it is whole."""

    def __init__(self, file: IO[bytes]) -> None:
        self.rows = 0
        self._file = file
        self._waiting: list[pa.Table] = []
        self._writer: pq.ParquetWriter | None = None

    def add(self, table: pa.Table) -> None:
        self.rows += table.num_rows
        self._waiting.append(table)
        if sum(waiting.num_rows for waiting in self._waiting) >= ROW_GROUP:
            self._flush()

    def finish(self) -> bytes:
        """The whole object."""
        self._flush()
        assert self._writer is not None
        self._writer.close()
        self._file.seek(0)
        return self._file.read()

    def _flush(self) -> None:
        group = pa.concat_tables(self._waiting)
        self._writer = self._writer or pq.ParquetWriter(self._file, group.schema, compression="zstd")
        self._writer.write_table(group)
        self._waiting = [group.slice(0, 0)]
