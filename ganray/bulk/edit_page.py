"""What a person looks at first when photos have been edited: a sheet of some before and after, and a page with a slider over each pair.

Small copies are made where the photos are at hand, by the workers; which ones depends on the job alone, so every run of it keeps the same:
some by chance, the most doubtful ones of each shard, which the page shows first, and all that were refused for their doubt: of those there
is nothing else to look at.
"""

from __future__ import annotations

import functools
import hashlib
import heapq
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
from PIL import Image

from ganray.bulk.doubt import DOUBTFUL
from ganray.bulk.job import JobIdentity
from ganray.bulk.layouts import create_once
from ganray.bulk.manifest import Manifest, manifest_key
from ganray.images.codec import Pixels, decode
from ganray.images.provenance import EditLabel, encode_labelled
from ganray.images.transforms import contact_sheet, resize, square_pad
from ganray.output.first_writer import same_sample
from ganray.pages import render
from ganray.requests import file_name
from ganray.storage import Store

if TYPE_CHECKING:
    from ganray.edit_engine import EditResult

PAIRS_KEPT, ON_SHEET = 48, 24  # pairs that are kept and on the page, and those on the sheet
SIDE, QUALITY = 480, 85  # longer side of a small copy in pixels, and its WebP quality
TILE, COLUMNS = 128, 8
DOUBTFUL_KEPT = 2  # doubtful results that are kept of a shard
Kept = tuple[float, str, bytes, bytes]  # what is kept longer has more of the first; stem, before, after


class Thumbnails:
    """Chooses some results of a shard by a hash of their names, and keeps small copies of them."""

    def __init__(self, plan: JobIdentity, shard: int) -> None:
        self._salt, self._shard = plan.requests_digest, shard
        chosen = _chosen_shards(self._salt, plan.shards)
        self._room = -(-PAIRS_KEPT // len(chosen)) if shard in chosen else 0
        self._by_chance, self._doubtful = list[Kept](), list[Kept]()  # heaps
        self._refused = list[Kept]()

    def see(self, edited: EditResult, label: EditLabel, refused: bool = False) -> None:
        """Take a result, if it is among the first of its shard so far, by chance or by its doubt, or `refused`."""
        id, index, doubt = edited.request.id, edited.index, edited.facts.get("doubt")
        chance = -float(_rank(self._salt, f"{id}/{index}"))
        if refused:
            heap, room, worth = self._refused, len(self._refused) + 1, 0.0
        elif isinstance(doubt, float) and doubt >= DOUBTFUL and _has_room(self._doubtful, DOUBTFUL_KEPT, doubt):
            heap, room, worth = self._doubtful, DOUBTFUL_KEPT, doubt
        elif _has_room(self._by_chance, self._room, chance):
            heap, room, worth = self._by_chance, self._room, chance
        else:
            return
        before = EditLabel(
            '["thumbnail"]', "", label.request_id, label.seed, label.source_sha256, source=edited.label, software=label.software
        )
        pair = _small(edited.before, None, before), _small(edited.pixels, edited.alpha, label)
        heapq.heappush(heap, (worth, self._stem(id, index), *pair))
        if len(heap) > room:
            heapq.heappop(heap)

    def stem_of(self, id: str, index: int) -> str:
        """Where the copies of a result lie, without what follows the stem; empty where none are kept."""
        stem = self._stem(id, index)
        return stem if any(kept == stem for _, kept, _, _ in self._all()) else ""

    def keep(self, store: Store) -> None:
        """Create the copies."""
        for _, stem, before, after in self._all():
            for when, data in (("before", before), ("after", after)):
                create_once(store, f"{stem}-{when}.webp", data, lambda ours, theirs: same_sample(ours, theirs, "webp"))

    def _all(self) -> list[Kept]:
        return self._by_chance + self._doubtful + self._refused

    def _stem(self, id: str, index: int) -> str:
        return f"shown/{self._shard:05d}/{file_name(id, index, 'webp').removesuffix('.webp')}"


def show_pairs(store: Store, plan: JobIdentity, manifest: Manifest) -> None:
    """Create `index.html` and `contact_sheet.png` of a finished job; nothing where no photo was edited."""
    groups = manifest.tables([*range(len(manifest.groups))])
    kept = (row for group in groups for row in group.filter(pc.not_equal(group.column("shown"), "")).to_pylist())
    order = lambda row: (-_doubt(row), _rank(plan.requests_digest, f"{row['id']}/{row['index']}"))  # noqa: E731
    rows = heapq.nsmallest(PAIRS_KEPT, kept, order)
    if not rows:
        return
    create_once(store, "index.html", _page(plan, rows, manifest.num_rows).encode())
    pairs = [[_tile(store.get(f"{row['shown']}-{when}.webp")) for when in ("before", "after")] for row in rows[:ON_SHEET]]
    lines = []
    for start in range(0, len(pairs), COLUMNS):
        block = pairs[start : start + COLUMNS]
        lines += [("before", [pair[0] for pair in block]), ("after", [pair[1] for pair in block])]
    kinds = tuple(row["source_type"] for row in rows[:ON_SHEET] if row["source_type"])
    label = EditLabel('["contact sheet"]', plan.model_digest, "contact sheet", 0, "", kinds=kinds, software=plan.software)
    create_once(store, "contact_sheet.png", encode_labelled(contact_sheet(lines, TILE), "png", label))


@functools.lru_cache(maxsize=4)
def _chosen_shards(salt: str, shards: int) -> frozenset[int]:
    """The shards that keep results by chance; found once a worker, as each look at a million shards takes seconds."""
    return frozenset(heapq.nsmallest(PAIRS_KEPT, range(shards), lambda number: _rank(salt, str(number))))


def _has_room(heap: list[Kept], room: int, worth: float) -> bool:
    return len(heap) < room or bool(heap and room and worth > heap[0][0])


def _doubt(row: dict[str, Any]) -> float:
    """The doubt of a result that a person should look at, else 0."""
    doubt = row["doubt"] or 0.0
    return float(doubt) if doubt >= DOUBTFUL else 0.0


def _rank(salt: str, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{salt}/{name}".encode()).digest()[:8])


def _small(pixels: Pixels, alpha: Pixels | None, label: EditLabel) -> bytes:
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(resize(Image.fromarray(pixels), *size))
    cut = None if alpha is None else np.asarray(resize(Image.fromarray(alpha), *size))
    return encode_labelled(small, "webp", label, QUALITY, cut)


def _tile(data: bytes) -> Pixels:
    return np.asarray(square_pad(decode(data).image, TILE))


def _page(plan: JobIdentity, rows: list[dict[str, Any]], num: int) -> str:
    return render(
        "edit_job.html",
        title="Edited photos",
        num=f"{num:,}",
        not_edited=f"{plan.images - num:,}" if num < plan.images else "",
        created=plan.created,
        manifest=manifest_key(plan),
        pairs=list(map(_pair, rows)),
    )


def _pair(row: dict[str, Any]) -> dict[str, Any]:
    """What is shown under a slider; a picture that is an object of its own is linked to."""
    return {
        "name": f"{row['id']}-{row['index']}",
        "link": "" if row["member"] else row["key"],
        "stem": row["shown"],
        "edits": " → ".join(" ".join([edit, *(f"{key}={value}" for key, value in given.items())]) for edit, given in _chain(row["edits"])),
        "width": row["width"],
        "height": row["height"],
        "format": row["format"],
        "bytes": f"{row['bytes']:,}",
        "doubtful": bool(_doubt(row)),
        "facts": ", ".join(f"{key} {value}" for key, value in json.loads(row["facts"]).items()),
    }


def _chain(edits: str) -> list[tuple[str, dict[str, Any]]]:
    return [next(iter(step.items())) for step in json.loads(edits)]
