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
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from typing import IO, Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ganray.errors import ImageError, ObjectExists, RequestError, StorageError
from ganray.on_ray.files import SOFTWARE, encode_sample
from ganray.requests import GenerateRequest, Vocabulary, file_name
from ganray.storage import Store

PARALLEL_WRITES = 16
PROBES, QUICK = 4, 0.0015  # writes that are timed, and the seconds below which a write is better not handed to a thread
ROW_GROUP = 65_536  # rows of the manifest
MAX_BLOCK = 64 * 2**20  # bytes of pixels in a shard: Ray Data would split a larger block
Outcome = Literal["written", "existing", "quarantined"]


@dataclass(frozen=True)
class Plan:
    """The identity of a job: everything that the bytes of its images depend on."""

    model_digest: str
    vocabulary_digest: str
    requests_digest: str
    requests: int
    images: int
    shards: int
    shard_images: int
    resolution: int
    software: str
    device: str
    rows: int


class Span(NamedTuple):
    """Samples [first, first + num) of a request."""

    request: GenerateRequest
    first: int
    num: int


def make_plan(
    source: Callable[[], Iterator[GenerateRequest]],
    vocabulary: Vocabulary,
    *,
    digest: str,
    resolution: int,
    shard_images: int,
    device: str,
    rows: int,
) -> Plan:
    """Read the whole table once: every request is checked before any work starts.

    `source` gives the requests, their seeds filled in, from the start each time. Raises RequestError for an unknown attribute, an id
    that comes twice, or an empty table.
    """
    sha256, ids, images = hashlib.sha256(), _Ids(), 0
    for request in source():
        try:
            vocabulary.encode(request.attributes)
        except RequestError as error:
            raise RequestError(f"request {request.id!r}: {error.message}", error.remedy) from error
        sha256.update(f"{request.canonical()}\n".encode())
        ids.add(request.id)
        images += request.count
    if not images:
        raise RequestError("the table has no requests", "Write at least one row")
    ids.check(source)
    size = max(1, min(shard_images, MAX_BLOCK // (resolution * resolution * 3)))
    return Plan(
        model_digest=digest,
        vocabulary_digest=vocabulary.digest,
        requests_digest=sha256.hexdigest(),
        requests=len(ids),
        images=images,
        shards=-(-images // size),
        shard_images=size,
        resolution=resolution,
        software=SOFTWARE,
        device=device,
        rows=rows,
    )


def open_job(store: Store, plan: Plan, source: Callable[[], Iterator[GenerateRequest]]) -> None:
    """Create plan.json and the request shards, or find them: raises StorageError where another job lies in the store."""
    try:
        store.create("plan.json", _json(asdict(plan)))
    except ObjectExists:
        found = json.loads(store.get("plan.json"))
        for field in fields(Plan):
            if found.get(field.name) != getattr(plan, field.name):
                raise StorageError(
                    f"{store.url} holds another job: its {field.name} is {found.get(field.name)}, not {getattr(plan, field.name)}",
                    "Choose another out, or give this job's own model and requests",
                ) from None
    have = {info.key for info in store.list("requests")}
    if len(have) < plan.shards:
        for i, shard in enumerate(split(source(), plan.shard_images)):
            if _key("requests", i, "jsonl") not in have:
                lines = (json.dumps({"first": first, "num": num, "request": request.model_dump()}) for request, first, num in shard)
                store.put(_key("requests", i, "jsonl"), "\n".join(lines).encode())


def split(requests: Iterable[GenerateRequest], size: int) -> Iterator[list[Span]]:
    """Cut the sequence of all samples into shards of `size`; a request of many images may span several."""
    shard: list[Span] = []
    room = size
    for request in requests:
        first = 0
        while first < request.count:
            num = min(room, request.count - first)
            shard.append(Span(request, first, num))
            first, room = first + num, room - num
            if room == 0:
                yield shard
                shard, room = [], size
    if shard:
        yield shard


def read_shard(store: Store, shard: int) -> list[tuple[GenerateRequest, int]]:
    """The samples of a shard, as (request, index)."""
    rows = (json.loads(line) for line in store.get(_key("requests", shard, "jsonl")).splitlines())
    spans = (Span(GenerateRequest.model_construct(**row["request"]), row["first"], row["num"]) for row in rows)
    return [(request, first + k) for request, first, num in spans for k in range(num)]


def finished(store: Store) -> set[int]:
    """The shards that have receipts."""
    return {int(info.key.rpartition("/")[2].partition(".")[0]) for info in store.list("receipts", ".parquet")}


def write(table: pa.Table, *, store: Store, model_digest: str) -> dict[str, NDArray[np.int64]]:
    """The task behind the engines: `write_shard` of one rendered shard, its counts as a one-row batch."""
    shard = table.column("shard")[0].as_py()
    tally = write_shard(store, shard, table.drop_columns(["shard"]), model_digest)
    return {name: np.array([num]) for name, num in tally.items()}


def write_shard(store: Store, shard: int, rendered: pa.Table, model_digest: str) -> dict[str, int]:
    """Encode, label and create the images of a shard, then its receipt.

    `rendered` has the columns id, index, seed, format, one `attr:NAME` an attribute, and pixels (R * R * 3 bytes, row-major RGB).
    Returns the number of images by outcome. Raises StorageError where a key is taken by other bytes.
    """
    pixels = rendered.column("pixels").combine_chunks()
    side = round((len(pixels[0].as_buffer()) / 3) ** 0.5)
    facts: list[dict[str, Any]] = []
    objects: list[tuple[str, bytes]] = []
    for row in rendered.drop_columns(["pixels"]).to_pylist():
        image = np.frombuffer(pixels[len(facts)].as_buffer(), np.uint8).reshape(side, side, 3)
        try:
            data = encode_sample(image, row["id"], row["index"], row["seed"], row["format"], model_digest)
        except ImageError as error:
            facts.append({"key": "", "bytes": 0, "sha256": "", "reason": error.reason, "message": str(error)})
            continue
        key = f"images/{shard:05d}/{file_name(row['id'], row['index'], row['format'])}"
        facts.append({"key": key, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "reason": "", "message": ""})
        objects.append((key, data))
    outcomes = _create_all(store, objects)
    receipt = rendered.drop_columns(["pixels"])
    for name, kind in (
        ("key", pa.string()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
    ):
        receipt = receipt.append_column(name, pa.array([fact[name] for fact in facts], kind))
    for name in ("width", "height"):
        receipt = receipt.append_column(name, pa.array([side] * len(facts), pa.int32()))
    receipt = receipt.append_column("model_digest", pa.array([model_digest] * len(facts)))
    _create(store, _key("receipts", shard, "parquet"), _parquet(receipt))
    return {
        "written": outcomes.count("written"),
        "existing": outcomes.count("existing"),
        "quarantined": len(facts) - len(outcomes),
    }


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
            receipt = pq.read_table(BytesIO(store.get(_key("receipts", shard, "parquet"))))
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
    store.put("job.json", _json({**asdict(plan), **books, "manifest_sha256": hashlib.sha256(manifest).hexdigest()}))
    return books


def _create_all(store: Store, objects: list[tuple[str, bytes]]) -> list[Outcome]:
    """One after another where a write takes less time than threads cost each other (a local disk), else many at a time."""
    outcomes: list[Outcome] = []
    quickest = 0.0
    for key, data in objects[:PROBES]:
        started = time.perf_counter()
        outcomes.append(_create(store, key, data))
        quickest = min(quickest or 1.0, time.perf_counter() - started)
    if quickest < QUICK:
        return outcomes + [_create(store, key, data) for key, data in objects[PROBES:]]
    with ThreadPoolExecutor(PARALLEL_WRITES, "put") as pool:
        return outcomes + list(pool.map(lambda one: _create(store, *one), objects[PROBES:]))


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


def _key(folder: str, shard: int, suffix: str) -> str:
    return f"{folder}/{shard:05d}.{suffix}"


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def _parquet(table: pa.Table) -> bytes:
    sink = BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


class _Ids:
    """Finds an id that comes twice among millions, in 8 bytes an id."""

    def __init__(self) -> None:
        self._hashes = bytearray()

    def __len__(self) -> int:
        return len(self._hashes) // 8

    @staticmethod
    def _hash(id: str) -> bytes:
        return hashlib.blake2b(id.encode(), digest_size=8).digest()

    def add(self, id: str) -> None:
        self._hashes += self._hash(id)

    def check(self, source: Callable[[], Iterator[GenerateRequest]]) -> None:
        """Raise RequestError with the first id that comes twice."""
        hashes = np.sort(np.frombuffer(self._hashes, np.uint64))
        suspects = {value.tobytes() for value in hashes[1:][hashes[1:] == hashes[:-1]]}
        seen: dict[str, int] = {}
        for row, request in enumerate(source() if suspects else (), 1):
            if request.id in seen:
                raise RequestError(
                    f"request id {request.id!r} comes twice, in rows {seen[request.id]} and {row}", "Give every request its own id"
                )
            if self._hash(request.id) in suspects:
                seen[request.id] = row


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
