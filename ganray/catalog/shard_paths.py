"""The parts of a catalog: how photos are divided, the keys of the objects of a part, and its receipt.

The number of parts is a power of two, and the first bits of a hash of a photo's key are the number of its part: a photo stays in its part
when other photos are added or removed. When a catalog outgrows its parts, each is split in two under new names (`-of-00016`); the old
objects stay until the catalog is complete, so that nothing is fetched again.

A receipt is always valid: it is deleted before the first of its objects is overwritten, and written after the last one.
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

PART_PATTERN = re.compile(
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
        """Key of the list of the photos of the part, written by the driver."""
        return f"source/manifest-{self}.parquet"

    @property
    def shard(self) -> str:
        """Key of the prepared images."""
        return f"shards/part-{self}.parquet"

    @property
    def index(self) -> str:
        """Key of the index: the version (size, etag), sha256 and fingerprint of each photo."""
        return f"index/part-{self}.parquet"

    @property
    def quarantine(self) -> str:
        """Key of the rejected photos, if there are any."""
        return f"quarantine/part-{self}.parquet"

    @property
    def duplicates(self) -> str:
        """Key of the list of duplicates to leave out, written by the driver, if there are any."""
        return f"quarantine/duplicates-{self}.parquet"

    @property
    def aside(self) -> str:
        """Key of the prepared duplicates: they are used when the photo that was kept is removed."""
        return f"aside/part-{self}.parquet"

    @property
    def receipt(self) -> str:
        """Key of the receipt; written last."""
        return f"receipts/part-{self}.json"

    def overlapping(self, of: int) -> list[ShardPaths]:
        """The parts of a division into `of` that have photos of this one."""
        if of <= self.of:
            return [ShardPaths(self.number * of // self.of, of)]
        ratio = of // self.of
        return [ShardPaths(number, of) for number in range(self.number * ratio, (self.number + 1) * ratio)]

    def __str__(self) -> str:
        return f"{self.number:05d}-of-{self.of:05d}"


class Written(Document):
    """Key, size and digest of a written object."""

    key: str
    bytes: int
    sha256: str


class Receipt(Document):
    """The result of a part; `shard` is None when nothing was accepted.

    `fingerprint` is a digest of all inputs of the part, `recipe` a digest of the inputs of a prepared photo other than the photo, `decoder`
    the version of the decoder; `objects` are the objects of the part other than the shard; `left_out` is the digest of the list of
    duplicates that was applied.
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
        """The keys of all its objects."""
        return {each.key for each in self.objects} | ({self.shard.key} if self.shard else set())

    def complete(self, out: Store) -> bool:
        """Whether all its objects exist with the right size; a reader must check their digests."""
        objects: list[Written | ShardInfo] = [*self.objects, *([self.shard] if self.shard else [])]
        try:
            return all(out.head(each.key).size == each.bytes for each in objects)
        except ObjectNotFound:
            return False


def written(key: str, data: bytes) -> Written:
    """The description of an object that is written under `key`."""
    return Written(key=key, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def read_receipt(out: Store, part: ShardPaths) -> Receipt | None:
    """The receipt of a part, None if there is none of this version."""
    try:
        return Receipt.model_validate_json(out.get(part.receipt))
    except (ObjectNotFound, ValueError):
        return None


def is_part(key: str) -> bool:
    """Whether a key is that of a numbered object of an ingest, including those of earlier versions without `-of-`."""
    return PART_PATTERN.fullmatch(key) is not None


def divisions(out: Store) -> tuple[int, ...]:
    """The numbers of parts into which earlier ingests, complete or not, divided the catalog."""
    matches = (PART_PATTERN.fullmatch(info.key) for info in out.list("receipts"))
    return tuple(sorted({int(match[2]) for match in matches if match and match[2]}))


def num_parts(num_images: int, each: int) -> int:
    """The smallest power of two with at most `each` images per part on average."""
    return 1 << (max(1, -(-num_images // each)) - 1).bit_length()


def key_hashes(keys: Iterable[str]) -> NDArray[np.uint64]:
    """Hashes of keys, uint64 [n]: they define the order of a catalog and its parts."""
    digests = b"".join(hashlib.blake2b(key.encode(), digest_size=8).digest() for key in keys)
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def boundaries(hashes: NDArray[np.uint64], of: int) -> NDArray[np.int64]:
    """The start of each of `of` parts in sorted hashes, and the end: int64 [of + 1]."""
    shift = np.uint64(64 - of.bit_length() + 1)
    first = np.arange(of, dtype=np.uint64) << shift if of > 1 else np.zeros(1, np.uint64)
    return np.append(np.searchsorted(hashes, first), len(hashes)).astype(np.int64)
