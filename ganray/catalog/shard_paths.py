"""The parts of a catalog: how photos are divided, what the objects of a part are called, and the receipt that says what they are.

A catalog has a power of two of parts, and the first bits of a hash of a photo's key say in which part it lies: there it stays while other
photos come and go. Where a catalog outgrows its parts, each is halved, under new names (`-of-00016`): the old ones lie there until the
catalog is whole, so that nothing has to be fetched again.

A receipt that is there is true: it goes before the first object that it describes is written over, and comes back after the last.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganray.catalog.schema import Document, ShardInfo
from ganray.errors import ObjectNotFound
from ganray.storage import Store

OURS = re.compile(
    r"(?:source/manifest|shards/part|index/part|aside/part|quarantine/part|quarantine/duplicates|receipts/part)"
    r"-(\d{5,})(?:-of-(\d{5,}))?\.(parquet|json)"
)


@dataclass(frozen=True)
class ShardPaths:
    """Part `number` of `of`."""

    number: int
    of: int

    @property
    def manifest(self) -> str:
        """Where the driver says what the part is to hold."""
        return f"source/manifest-{self}.parquet"

    @property
    def shard(self) -> str:
        """Where the images lie."""
        return f"shards/part-{self}.parquet"

    @property
    def index(self) -> str:
        """Where it is said which version of each photo the part was made from, its sha256 and its look."""
        return f"index/part-{self}.parquet"

    @property
    def quarantine(self) -> str:
        """Where the rejects lie, if there are any."""
        return f"quarantine/part-{self}.parquet"

    @property
    def duplicates(self) -> str:
        """Where the driver says which photos are left out because they are in the catalog already, if there are any."""
        return f"quarantine/duplicates-{self}.parquet"

    @property
    def aside(self) -> str:
        """Where these lie, prepared: they come back where the photo goes that was kept."""
        return f"aside/part-{self}.parquet"

    @property
    def receipt(self) -> str:
        """Where the receipt lies; written last."""
        return f"receipts/part-{self}.json"

    def sharing(self, of: int) -> list[ShardPaths]:
        """The parts of a division into `of` that hold photos of this one."""
        if of <= self.of:
            return [ShardPaths(self.number * of // self.of, of)]
        ratio = of // self.of
        return [ShardPaths(number, of) for number in range(self.number * ratio, (self.number + 1) * ratio)]

    def __str__(self) -> str:
        return f"{self.number:05d}-of-{self.of:05d}"


class Written(Document):
    """An object as it was written."""

    key: str
    bytes: int
    sha256: str


class Receipt(Document):
    """What came of a part; `shard` is None when nothing was accepted.

    `fingerprint` is of all that its bytes depend on, `recipe` of what one photo's prepared bytes do beside the photo, `decoder` is what
    read the photos; `objects` are the part's own, beside the shard; `left_out` is the digest of the list of duplicates that was followed.
    """

    number: int
    fingerprint: str
    recipe: str
    decoder: str
    left_out: str
    listed: int
    shard: ShardInfo | None
    objects: tuple[Written, ...]
    reasons: dict[str, int]
    histograms: dict[str, dict[str, int]]

    @property
    def keys(self) -> set[str]:
        """The objects that it speaks of."""
        return {each.key for each in self.objects} | ({self.shard.key} if self.shard else set())

    def whole(self, out: Store) -> bool:
        """Whether its objects lie there in their sizes; who reads them checks their digests as well."""
        told: list[Written | ShardInfo] = [*self.objects, *([self.shard] if self.shard else [])]
        try:
            return all(out.head(each.key).size == each.bytes for each in told)
        except ObjectNotFound:
            return False


def written(key: str, data: bytes) -> Written:
    """What is written under `key`."""
    return Written(key=key, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def read_receipt(out: Store, part: ShardPaths) -> Receipt | None:
    """The receipt of a part, None where there is none of this version."""
    try:
        return Receipt.model_validate_json(out.get(part.receipt))
    except (ObjectNotFound, ValueError):
        return None


def is_part(key: str) -> bool:
    """Whether an object of this key is one that an ingest writes by number, or did before parts were counted."""
    return OURS.fullmatch(key) is not None


def divisions(out: Store) -> tuple[int, ...]:
    """Into how many parts earlier ingests divided the catalog that lies there, or lies there in part."""
    found = (OURS.fullmatch(info.key) for info in out.list("receipts"))
    return tuple(sorted({int(match[2]) for match in found if match and match[2]}))


def num_parts(num_images: int, each: int) -> int:
    """The power of two at which a part has at most `each` images on average (0.5 to 1 times that many, but for a catalog of one part)."""
    return 1 << (max(1, -(-num_images // each)) - 1).bit_length()


def key_hashes(keys: Iterable[str]) -> NDArray[np.uint64]:
    """Uint64 [n]: what orders a catalog, and divides it."""
    digests = b"".join(hashlib.blake2b(key.encode(), digest_size=8).digest() for key in keys)
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def boundaries(hashes: NDArray[np.uint64], of: int) -> NDArray[np.int64]:
    """Where each of `of` parts begins among sorted hashes, and the end: int64 [of + 1]."""
    shift = np.uint64(64 - of.bit_length() + 1)
    first = np.arange(of, dtype=np.uint64) << shift if of > 1 else np.zeros(1, np.uint64)
    return np.append(np.searchsorted(hashes, first), len(hashes)).astype(np.int64)
