"""What a bulk job is to make: its identity, and its work cut into shards. `commit.py` has the layout, and the books."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar, cast

from ganray.bulk.duplicate_ids import DuplicateIds
from ganray.bulk.layouts import create_once
from ganray.errors import ObjectCorrupt, ObjectExists, RequestError, StorageError
from ganray.output.sample_file import SOFTWARE
from ganray.requests import EditRequest, GenerateRequest
from ganray.storage import Store
from ganray.vocabulary import Vocabulary

MAX_BLOCK = 64 * 2**20  # bytes of pixels in a shard: Ray Data would split a larger block
GPU_SHARDS = 64  # that a job on a GPU has at least where its images allow: so that all encoders have work
ON_DEVICE = ("device", "rows", "accelerator", "shards", "shard_images", "shard_sizes")  # what another kind of device has otherwise
LATER_FIELDS = ("keep", "truncation", "shard_sizes")  # added later: `describe` omits them at their default, so plans keep their bytes
SHARD_PIXELS, SHARD_IMAGES = 2**19, (64, 512)  # pixels of a shard where nobody says, and the bounds of what that gives in images


@dataclass(frozen=True, kw_only=True)
class JobIdentity:
    """The identity of a bulk job: everything that the bytes of its images depend on; and when it began, which any two jobs differ in."""

    model_digest: str
    requests_digest: str
    requests: int
    images: int
    shards: int
    shard_images: int
    software: str
    layout: str
    created: str


@dataclass(frozen=True, kw_only=True)
class GenerateJob(JobIdentity):
    """The identity of a job that generates; `copies_by` is the method of its gate (copies/methods.py), empty without one.

    `device`, `rows` and `accelerator` (the GPU's name and software, output/device.py; empty on CPUs) are those that the job began on.
    `keep` is the share of each request's samples that is written, empty for all; `truncation` what requests get that name none, where the
    command said something; `shard_sizes` the images of each shard, empty where all but the last have `shard_images` (keep.py).
    """

    vocabulary_digest: str
    resolution: int
    device: str
    rows: int
    policy_digest: str
    gate_digest: str
    label_digest: str
    copies_by: str = ""
    accelerator: str = ""
    keep: str = ""
    truncation: float | None = None
    shard_sizes: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GenerateOptions:
    """What the bytes of a job's images depend on beside its requests; `shard_images` 0 leaves it to the resolution."""

    model_digest: str
    resolution: int
    device: str
    rows: int
    shard_images: int = 0
    layout: str = "objects"
    policy_digest: str = ""
    gate_digest: str = ""
    label_digest: str = ""
    copies_by: str = ""
    accelerator: str = ""
    keep: str = ""
    truncation: float | None = None
    shard_sizes: tuple[int, ...] = ()


R = TypeVar("R", bound=GenerateRequest | EditRequest)
W = TypeVar("W", bound=JobIdentity)


class Span(NamedTuple, Generic[R]):
    """Samples [first, first + num) of a request."""

    request: R
    first: int
    num: int


class TableCount(NamedTuple):
    """A table read once: the digest of its requests, how many there are, and the images that they ask for."""

    digest: str
    requests: int
    images: int


def count(source: Callable[[], Iterator[R]], check: Callable[[R], object]) -> TableCount:
    """Read the whole table once: every request is checked before any work starts.

    Raises RequestError, with the request's id, for one that `check` refuses, a duplicate id, or an empty table.
    """
    sha256, ids, images = hashlib.sha256(), DuplicateIds(), 0
    for request in source():
        try:
            check(request)
            sha256.update(f"{request.canonical()}\n".encode())
        except RequestError as error:
            raise RequestError(f"request {request.id!r}: {error.message}", error.remedy) from error
        except UnicodeEncodeError as error:
            said = f"request {request.id!r}: a text of it holds half of a surrogate pair"
            raise RequestError(said, "Write the table as UTF-8") from error
        ids.add(request.id)
        images += request.count
    if not images:
        raise RequestError("the table has no requests", "Write at least one row")
    ids.check(source)
    return TableCount(sha256.hexdigest(), len(ids), images)


def make_generate_job(counted: TableCount, vocabulary: Vocabulary, options: GenerateOptions) -> GenerateJob:
    """The identity of a job of these requests, begun now."""
    size = _shard_images(counted.images, options)
    return GenerateJob(
        **{name: value for name, value in asdict(options).items() if name != "shard_images"},
        vocabulary_digest=vocabulary.digest,
        requests_digest=counted.digest,
        requests=counted.requests,
        images=counted.images,
        shards=len(options.shard_sizes) or -(-counted.images // size),
        shard_images=size,
        software=SOFTWARE,
        created=now(),
    )


def room_of_shard(resolution: int, shard_images: int) -> tuple[int, int]:
    """Images of a shard of whole requests, and the most that a block takes: known before the requests are counted, on any device."""
    most = max(1, MAX_BLOCK // (3 * resolution**2))
    return min(shard_images or _usual_images(resolution), most), most


def _usual_images(resolution: int) -> int:
    return min(max(SHARD_PIXELS // resolution**2, SHARD_IMAGES[0]), SHARD_IMAGES[1])


def _shard_images(images: int, options: GenerateOptions) -> int:
    """Images of a shard. On a GPU whole batches: as many as a block takes, and not so many that there are fewer than GPU_SHARDS shards."""
    wanted, most = room_of_shard(options.resolution, options.shard_images)
    if options.device == "cuda" and not options.shard_images and most >= options.rows:
        whole, share = (number // options.rows * options.rows for number in (most, images // GPU_SHARDS))
        wanted = min(whole, max(wanted, share))
    return wanted


def now() -> str:
    """UTC, to the second; SOURCE_DATE_EPOCH (reproducible-builds.org) sets another clock's, for jobs that are to be the same bytes."""
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def open_job(store: Store, plan: W, source: Callable[[], Iterator[R]]) -> W:
    """Create plan.json and the request shards, or find them; returns the plan as it lies there: its time is its own, and so is the device
    that it began on. On another one it goes on, and the first writer of each image wins.

    Raises StorageError where another job lies in the store.
    """
    try:
        store.create("plan.json", json_bytes(describe(plan)))
    except ObjectExists:
        found = json.loads(store.get("plan.json"))
        found["shard_sizes"] = tuple(found.get("shard_sizes", ()))  # a list in JSON
        own = _own_fields(plan, found)
        for field in fields(plan):
            if field.name not in own and found.get(field.name, field.default) != getattr(plan, field.name):
                raise StorageError(
                    f"{store.url} holds another job: its {field.name} is {found.get(field.name)}, not {getattr(plan, field.name)}",
                    "Choose another out, or give this job's own model and requests",
                ) from None
        plan = replace(plan, **{field.name: found.get(field.name, field.default) for field in fields(plan) if field.name in own})
    have = {info.key for info in store.list("requests")}
    if len(have) < plan.shards:
        for i, shard in enumerate(split(source(), _sizes(plan))):
            if shard_key("requests", i, "jsonl") not in have:
                lines = (json.dumps({"first": first, "num": num, "request": request.model_dump()}) for request, first, num in shard)
                create_once(store, shard_key("requests", i, "jsonl"), "\n".join(lines).encode())
    return plan


def _own_fields(plan: JobIdentity, found: Mapping[str, Any]) -> set[str]:
    """The fields of a plan that two commands of one job may have otherwise. `rows` is one of them on another device alone."""
    device = getattr(plan, "device", None)
    if device is None:
        return {"created"}
    return {"created", "accelerator"} if found.get("device") == device else {"created", *ON_DEVICE}


def describe(plan: JobIdentity) -> dict[str, Any]:
    """The plan as its JSON has it."""
    default = {field.name: field.default for field in fields(plan)}
    return {name: value for name, value in asdict(plan).items() if name not in LATER_FIELDS or value != default[name]}


def images_of(plan: JobIdentity, shards: list[int]) -> int:
    """Images in these shards: all are full but the last of the job, unless the plan has their sizes."""
    if isinstance(plan, GenerateJob) and plan.shard_sizes:
        return sum(plan.shard_sizes[shard] for shard in shards)
    return sum(min(plan.shard_images, plan.images - shard * plan.shard_images) for shard in shards)


def _sizes(plan: JobIdentity) -> Iterator[int]:
    """The images of shard after shard, without an end; those of the last one may be fewer."""
    uneven = plan.shard_sizes if isinstance(plan, GenerateJob) else ()
    return itertools.chain(uneven, itertools.repeat(plan.shard_images))


def split(requests: Iterable[R], sizes: Iterator[int]) -> Iterator[list[Span[R]]]:
    """Cut the sequence of all samples into shards of these sizes; a request of many images may span several."""
    shard: list[Span[R]] = []
    room = next(sizes)
    for request in requests:
        first = 0
        while first < request.count:
            num = min(room, request.count - first)
            shard.append(Span(request, first, num))
            first, room = first + num, room - num
            if room == 0:
                yield shard
                shard, room = [], next(sizes)
    if shard:
        yield shard


def read_spans(store: Store, plan: JobIdentity, shard: int, kind: type[R]) -> list[Span[R]]:
    """The work of a shard. Raises ObjectCorrupt where its object is not the whole of it."""
    key, images = shard_key("requests", shard, "jsonl"), images_of(plan, [shard])
    try:
        rows = [json.loads(line) for line in store.get(key).splitlines()]
        found = sum(row["num"] for row in rows)
    except (ValueError, TypeError, KeyError):
        found = -1
    if found != images:
        said = f"{store.url_of(key)} is not what was written: it does not ask for {images} images"
        raise ObjectCorrupt(said, "Delete it, then run the same command again")
    return [Span(cast(R, kind.model_construct(**row["request"])), row["first"], row["num"]) for row in rows]


def read_shard(store: Store, plan: JobIdentity, shard: int) -> list[tuple[GenerateRequest, int]]:
    """The samples of a shard, as (request, index)."""
    return [(request, first + k) for request, first, num in read_spans(store, plan, shard, GenerateRequest) for k in range(num)]


def shard_key(folder: str, shard: int, suffix: str) -> str:
    """Where a shard's requests or receipts lie."""
    return f"{folder}/{shard:05d}.{suffix}"


def json_bytes(value: object) -> bytes:
    """JSON that is the same bytes for the same value."""
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()
