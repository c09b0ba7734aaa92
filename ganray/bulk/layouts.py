"""Where the images of a bulk job lie: one object each, or a shard's in one Parquet or tar object that other tools read without ganray.

objects      images/00000/ID-K.png
parquet      images/00000.parquet: id, index and `image` (struct of bytes and path), as Hugging Face `datasets` and pyarrow read it
webdataset   images/00000.tar: NAME.png and NAME.json of each sample, as `webdataset` reads it

Whatever the layout, an object is created once. One that is there already counts as made if it has equal bytes, or if its labels name the
same samples: another kind of processor drew them (`output.first_writer`). Anything else is an error.
"""

from __future__ import annotations

import hashlib
import json
import math
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import IO, Any, Literal, NamedTuple, TypeVar, cast

import pyarrow as pa
import pyarrow.parquet as pq

from ganray.errors import ObjectExists, StorageError
from ganray.images.codec import SUFFIXES, Format
from ganray.requests import file_name
from ganray.storage import Store

PARALLEL_WRITES = 32
PROBES, QUICK = 4, 0.0015  # writes that are timed, and the seconds below which a write is better not handed to a thread
PART = 16 << 20  # bytes of a large object that are compared at a time
CHUNK = 64  # encoded, then written: one by one, the system's calls and the encoder drive each other out of the caches (60 us an image)
One = TypeVar("One")
Result = TypeVar("Result")
Outcome = Literal["written", "existing", "quarantined", "ranked_out"]
Member = tuple[dict[str, Any], bytes]  # what is known of an image of a shard's object, and its file
IMAGE_FEATURE = {"_type": "Image"}


@dataclass(frozen=True)
class Picture:
    """An encoded sample and what it is."""

    id: str
    index: int
    format: Format
    data: bytes
    facts: dict[str, Any]


class Written(NamedTuple):
    """What lies in the store of a picture: its outcome, size in bytes and sha256."""

    outcome: Outcome
    size: int
    sha256: str


Same = Callable[[bytes, bytes, Format], bool]  # ours, theirs, format: whether image files with different bytes are of one sample
MEASURED = "facts"  # of a picture: measurements of its pixels, in which processors may differ


class Layout(NamedTuple):
    """A row of LAYOUTS: the object that a picture goes into and its name within it (empty where it is the picture), and the writer."""

    place: Callable[[int, str, int, str], tuple[str, str]]
    write: Callable[[Store, int, Iterator[Picture], Same], list[Written]]


def create_once(store: Store, key: str, data: bytes, same: Callable[[bytes, bytes], bool] = bytes.__eq__) -> Outcome:
    """Create an object, or find it made. Raises StorageError where the key is taken by other bytes that are not the `same`."""
    return created(store, key, data, same)[0]


def create_large_once(store: Store, key: str, data: memoryview) -> Outcome:
    """The same for bytes that lie on the disk (a memory map): what is found is read and compared a part at a time."""
    try:
        store.create(key, data)
    except ObjectExists:
        start, equal = 0, store.head(key).size == len(data)
        while equal and start < len(data):
            part = data[start : start + PART]
            equal, start = store.get_range(key, start, len(part)) == part, start + len(part)
        if not equal:
            raise _taken(store, key) from None
        return "existing"
    return "written"


def created(store: Store, key: str, data: bytes, same: Callable[[bytes, bytes], bool] = bytes.__eq__) -> tuple[Outcome, bytes]:
    """The same, with the bytes that lie there: they may be others that are the `same` (ours, theirs).

    A reply that was lost looks like somebody else's write: it is the bytes that tell.
    """
    try:
        store.create(key, data)
    except ObjectExists:
        found = store.get(key)
        if data != found and not same(data, found):
            raise _taken(store, key) from None
        return "existing", found
    return "written", data


def _taken(store: Store, key: str) -> StorageError:
    remedy = "It is not what this job would write: choose another out, or delete it and run again"
    return StorageError(f"{store.url_of(key)} is there already with other bytes", remedy)


def create_all(create: Callable[[One], Result], objects: Iterator[One]) -> list[Result]:
    """One after another where a write takes less time than threads cost each other (a local disk), else many at a time, while
    `objects` goes on being drawn."""
    results: list[Result] = []
    quickest = math.inf
    for one in islice(objects, PROBES):
        started = time.perf_counter()
        results.append(create(one))
        quickest = min(quickest, time.perf_counter() - started)
    if quickest < QUICK:
        while chunk := list(islice(objects, CHUNK)):
            results += [create(one) for one in chunk]
        return results
    with ThreadPoolExecutor(PARALLEL_WRITES, "put") as pool:
        return results + list(pool.map(create, objects))


def _object(shard: int, id: str, index: int, format: str) -> tuple[str, str]:
    return f"images/{shard:05d}/{file_name(id, index, format)}", ""


def _write_objects(store: Store, shard: int, pictures: Iterator[Picture], same: Same) -> list[Written]:
    """What is the `same` counts as made, too: the receipt then says what lies there."""

    def create(one: Picture) -> Written:
        key = _object(shard, one.id, one.index, one.format)[0]
        return _of(*created(store, key, one.data, lambda ours, theirs: same(ours, theirs, one.format)))

    return create_all(create, pictures)


def _of(outcome: Outcome, data: bytes) -> Written:
    return Written(outcome, len(data), hashlib.sha256(data).hexdigest())


def _row(shard: int, id: str, index: int, format: str) -> tuple[str, str]:
    return f"images/{shard:05d}.parquet", file_name(id, index, format)


def _write_parquet(store: Store, shard: int, pictures: Iterator[Picture], same: Same) -> list[Written]:
    """Columns id, index, image and one of text a fact; the schema's metadata tells `datasets` that `image` is one."""
    made = list(pictures)
    if not made:
        return []
    names = list(dict.fromkeys(name for one in made for name in one.facts))
    kinds: dict[str, tuple[pa.DataType, dict[str, str]]] = {
        "id": (pa.string(), {"dtype": "string", "_type": "Value"}),
        "index": (pa.int32(), {"dtype": "int32", "_type": "Value"}),
        "image": (pa.struct([("bytes", pa.binary()), ("path", pa.string())]), IMAGE_FEATURE),
    }
    kinds |= {name: (pa.string(), {"dtype": "string", "_type": "Value"}) for name in names}
    features = {"info": {"features": {name: feature for name, (_, feature) in kinds.items()}}}
    columns = [
        [one.id for one in made],
        [one.index for one in made],
        [{"bytes": one.data, "path": file_name(one.id, one.index, one.format)} for one in made],
        *([None if one.facts.get(name) is None else str(one.facts[name]) for one in made] for name in names),
    ]
    schema = pa.schema([(name, kind) for name, (kind, _) in kinds.items()], metadata={"huggingface": json.dumps(features)})
    sink = BytesIO()
    table = pa.table([pa.array(column, kind) for column, (kind, _) in zip(columns, kinds.values(), strict=True)], schema=schema)
    pq.write_table(table, sink, compression="none", row_group_size=64)  # images are compressed; so that one is read without the others
    key = _row(shard, "", 0, "png")[0]
    outcome, found = created(store, key, sink.getvalue(), lambda ours, theirs: _same_members(made, same, _rows(ours), _rows(theirs)))
    return [_of(outcome, data) for _, data in _rows(found)]


def _rows(data: bytes) -> list[Member]:
    """What is known of each image of a shard's Parquet object, and its file."""
    rows = pq.read_table(BytesIO(data)).to_pylist()
    return [({**row, "image": row["image"]["path"]}, row["image"]["bytes"]) for row in rows]


def _member(shard: int, id: str, index: int, format: str) -> tuple[str, str]:
    """Webdataset takes what stands before the first dot for the sample's name."""
    stem = file_name(id, index, format).rpartition(".")[0]
    if "." in stem:
        stem = f"{stem.replace('.', '_')}-{hashlib.sha256(stem.encode()).hexdigest()[:12]}"
    return f"images/{shard:05d}.tar", f"{stem}.{SUFFIXES[format]}"


def _write_tar(store: Store, shard: int, pictures: Iterator[Picture], same: Same) -> list[Written]:
    """No clock, no owner: the same samples are the same bytes."""
    sink, made = BytesIO(), list[Picture]()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for one in pictures:
            made.append(one)
            name = _member(shard, one.id, one.index, one.format)[1]
            facts = {"id": one.id, "index": one.index, **one.facts}
            text = json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()
            for member, data in ((name, one.data), (f"{name.partition('.')[0]}.json", text)):
                info = tarfile.TarInfo(member)
                info.size = len(data)
                tar.addfile(info, BytesIO(data))
    if not made:
        return []
    key = _member(shard, "", 0, "png")[0]
    outcome, found = created(store, key, sink.getvalue(), lambda ours, theirs: _same_members(made, same, _samples(ours), _samples(theirs)))
    return [_of(outcome, data) for _, data in _samples(found)]


def _samples(data: bytes) -> list[Member]:
    """What is known of each image of a shard's tar object, and its file."""
    samples: list[Member] = []
    with tarfile.open(fileobj=BytesIO(data)) as tar:
        members = [(member.name, cast(IO[bytes], tar.extractfile(member)).read()) for member in tar]
    for (name, image), (_, text) in zip(members[::2], members[1::2], strict=True):
        samples.append(({**json.loads(text), "image": name}, image))
    return samples


def _same_members(made: list[Picture], same: Same, ours: list[Member], theirs: list[Member]) -> bool:
    """Whether two objects hold the same samples in the same order, and the same is known of each but for what was measured."""
    if len(ours) != len(theirs):
        return False
    known, others = ([{name: fact for name, fact in facts.items() if name != MEASURED} for facts, _ in files] for files in (ours, theirs))
    images = zip(made, ours, theirs, strict=True)
    return known == others and all(mine == other or same(mine, other, one.format) for one, (_, mine), (_, other) in images)


LAYOUTS = {
    "objects": Layout(_object, _write_objects),
    "parquet": Layout(_row, _write_parquet),
    "webdataset": Layout(_member, _write_tar),
}
