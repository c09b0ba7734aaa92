"""The best share of each request's samples: whole requests in each shard, and their ranking, which is decided before the first image.

A sample's rank is that of its score among those of its request which the gate lets through, the best first, ties by index: it depends on
the request alone. All samples of a request lie in one shard, so whoever does the shard can tell it.

ranks/00000.json    the ranking of a shard, created before its images. On another kind of processor a score may round the other way; the
                    first writer's ranking then holds for whoever goes on, so that no image is written which the receipts do not know
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import pyarrow as pa

from ganray.bulk.job import GenerateOptions, shard_key
from ganray.bulk.layouts import created
from ganray.config.keep import num_kept
from ganray.errors import RequestError
from ganray.requests import GenerateRequest
from ganray.storage import Store

SAMPLE = ("id", "index", "seed", "refused")  # what two rankings of one shard agree on
Row = dict[str, Any]


class Packing:
    """Cuts a sequence of requests into shards of about `size` images without dividing one; `most` is what a shard can hold.

    `sizes` are the images of the shards so far, `kept` counts the images that `keep` leaves, `images` all.
    """

    def __init__(self, keep: str, size: int, most: int) -> None:
        self._keep, self._size, self._most = keep, size, most
        self.sizes: list[int] = []
        self.images = self.kept = 0

    def add(self, request: GenerateRequest) -> None:
        """Take the next request. Raises RequestError for one that no shard can hold."""
        if request.count > self._most:
            raise RequestError(
                f"keep = {self._keep} ranks the samples of a request together, at most {self._most:,} at this resolution; it has count "
                f"{request.count:,}",
                "Divide it into several requests, or use --keep all",
            )
        if self.sizes and self.sizes[-1] + request.count <= self._size:
            self.sizes[-1] += request.count
        else:
            self.sizes.append(request.count)
        self.images += request.count
        self.kept += num_kept(self._keep, request.count)

    def applied(self, options: GenerateOptions) -> GenerateOptions:
        """The options with `keep` and the sizes of shards; without these where all but the last are full, as they are without `keep`."""
        even = all(size == self._size for size in self.sizes[:-1]) and self.sizes[-1] <= self._size
        return replace(options, keep=self._keep, shard_images=self._size, shard_sizes=() if even else tuple(self.sizes))


def with_ranks(store: Store, shard: int, rendered: pa.Table, keep: str) -> pa.Table:
    """The rendered shard with the ranking that holds: scores as it has them, `rank` from 1 (null of refused samples), and `ranked_out`: why
    a sample is not kept, or empty.

    Raises StorageError where a ranking of other samples lies in the store.
    """
    rows = rendered.select([*SAMPLE, "score"]).to_pylist()
    ranked(rows, keep)
    found = json.loads(created(store, shard_key("ranks", shard, "json"), _json_bytes(rows), _same_samples)[1])
    table = rendered.set_column(rendered.schema.get_field_index("score"), "score", pa.array([row["score"] for row in found], pa.float64()))
    table = table.append_column("rank", pa.array([row["rank"] for row in found], pa.int32()))
    return table.append_column("ranked_out", pa.array(_reasons(found), pa.string()))


def ranked(rows: Sequence[Row], keep: str) -> None:
    """Fill in `rank` and `kept` of rows with id, index, refused and score; the rows of a request follow each other."""
    for _, group in groupby(rows, key=lambda row: row["id"]):
        request = list(group)
        kept = num_kept(keep, len(request))
        order = sorted((row for row in request if not row["refused"]), key=lambda row: (-row["score"], row["index"]))
        for row in request:
            row.update(rank=None, kept=False)
        for rank, row in enumerate(order, 1):
            row.update(rank=rank, kept=rank <= kept)


def _reasons(rows: Sequence[Row]) -> list[str]:
    """Why a sample that passed the gate is not written, for a person; empty for the others."""
    reasons: list[str] = []
    for _, group in groupby(rows, key=lambda row: row["id"]):
        request = list(group)
        kept = sum(row["kept"] for row in request)
        for row in request:
            out = row["rank"] and not row["kept"]
            reasons.append(f"score {row['score']:g} is rank {row['rank']} of {len(request)}, {kept} are kept" if out else "")
    return reasons


def _json_bytes(rows: Sequence[Row]) -> bytes:
    """A row a line."""
    return "".join(["[", ",\n".join(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows), "]\n"]).encode()


def _same_samples(ours: bytes, theirs: bytes) -> bool:
    """Whether two rankings are of the same samples, drawn from the same seeds."""
    try:
        first, second = ([[row[name] for name in SAMPLE] for row in json.loads(data)] for data in (ours, theirs))
    except (ValueError, TypeError, KeyError):  # no ranking
        return False
    return first == second
