"""What a person looks at first when photos have been edited: a sheet of some before and after, and a page with a slider over each pair.

Small copies are made where the photos are at hand, by the workers; which ones depends on the job alone, so every run of it keeps the same.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from ganray.bulk.job import JobIdentity
from ganray.bulk.layouts import create_once
from ganray.images.codec import Pixels, decode
from ganray.images.provenance import EditLabel, encode_labelled
from ganray.images.transforms import contact_sheet, resize, square_pad
from ganray.requests import file_name
from ganray.storage import Store

if TYPE_CHECKING:
    from ganray.edit_engine import EditResult

SHOWN, ON_SHEET = 48, 24  # pairs that are kept and on the page, and those on the sheet
SIDE, QUALITY = 480, 85  # longer side of a small copy in pixels, and its WebP quality
TILE, COLUMNS = 128, 8
STYLE = (
    "body{font:14px/1.4 system-ui,sans-serif;margin:24px;color:#222;background:#fff}h1{font-size:20px}small{color:#666}"
    "main{display:grid;grid-template-columns:repeat(auto-fill,minmax(280px,1fr));gap:20px}figure{margin:0}"
    ".pair{--at:50%;position:relative;aspect-ratio:1;border:1px solid #ddd;overflow:hidden;"
    "background:repeating-conic-gradient(#eee 0 25%,#fff 0 50%) 0 0/20px 20px}"
    ".pair img{position:absolute;inset:0;width:100%;height:100%;object-fit:contain}"
    ".pair .before{background:#fff;clip-path:inset(0 calc(100% - var(--at)) 0 0)}"
    ".pair i{position:absolute;top:0;bottom:0;left:var(--at);width:2px;margin-left:-1px;background:#fff;box-shadow:0 0 3px #000}"
    ".pair input{position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;cursor:ew-resize}"
    ".pair:focus-within{outline:2px solid #36c}.pair b{position:absolute;bottom:6px;padding:0 6px;font:11px/18px system-ui;color:#fff;"
    "background:#0008;border-radius:9px}figcaption{font-size:12px;overflow-wrap:anywhere;margin-top:4px}"
)
SCRIPT = (
    "document.querySelectorAll('.pair input').forEach(i=>{const f=()=>i.parentNode.style.setProperty('--at',i.value+'%');i.oninput=f;f()})"
)


class Thumbnails:
    """Chooses some results of a shard by a hash of their names, and keeps small copies of them."""

    def __init__(self, plan: JobIdentity, shard: int) -> None:
        self._salt, self._shard = plan.requests_digest, shard
        chosen = sorted(range(plan.shards), key=lambda number: _rank(self._salt, str(number)))[:SHOWN]
        self._room = -(-SHOWN // len(chosen)) if shard in chosen else 0
        self._kept: list[tuple[int, dict[str, Any], bytes, bytes]] = []  # the last ones first

    def see(self, row: dict[str, Any], edited: EditResult, label: EditLabel) -> None:
        """Take a result, if it is among the first so far; `row` is told where its copies will lie."""
        rank = -_rank(self._salt, f"{row['id']}/{row['index']}")
        if not self._room or (len(self._kept) == self._room and rank <= self._kept[0][0]):
            return
        before = EditLabel(
            '["thumbnail"]', "", label.request_id, label.seed, label.source_sha256, source=edited.label, software=label.software
        )
        pair = _small(edited.before, None, before), _small(edited.pixels, edited.alpha, label)
        heapq.heappush(self._kept, (rank, row, *pair))
        row["shown"] = f"shown/{self._shard:05d}/{file_name(row['id'], row['index'], 'webp').removesuffix('.webp')}"
        if len(self._kept) > self._room:
            heapq.heappop(self._kept)[1]["shown"] = ""

    def keep(self, store: Store) -> None:
        """Create the copies."""
        for _, row, before, after in self._kept:
            create_once(store, f"{row['shown']}-before.webp", before)
            create_once(store, f"{row['shown']}-after.webp", after)


def show_pairs(store: Store, plan: JobIdentity, manifest: pq.ParquetFile) -> None:
    """Create `index.html` and `contact_sheet.png` of a finished job; nothing where no photo was edited."""
    groups = map(manifest.read_row_group, range(manifest.num_row_groups))
    rows = [row for group in groups for row in group.filter(pc.not_equal(group.column("shown"), "")).to_pylist()]
    rows = sorted(rows, key=lambda row: _rank(plan.requests_digest, f"{row['id']}/{row['index']}"))[:SHOWN]
    if not rows:
        return
    create_once(store, "index.html", _page(plan, rows, manifest.metadata.num_rows).encode())
    pairs = [[_tile(store.get(f"{row['shown']}-{when}.webp")) for when in ("before", "after")] for row in rows[:ON_SHEET]]
    lines = []
    for start in range(0, len(pairs), COLUMNS):
        block = pairs[start : start + COLUMNS]
        lines += [("before", [pair[0] for pair in block]), ("after", [pair[1] for pair in block])]
    kinds = tuple(row["source_type"] for row in rows[:ON_SHEET] if row["source_type"])
    label = EditLabel('["contact sheet"]', plan.model_digest, "contact sheet", 0, "", kinds=kinds, software=plan.software)
    create_once(store, "contact_sheet.png", encode_labelled(contact_sheet(lines, TILE), "png", label))


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
    others = f", {plan.images - num:,} were not edited" if num < plan.images else ""
    facts = f"{num:,} pictures{others}; begun {plan.created}; here are {len(rows)}, and all in manifest.parquet"
    return (
        '<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width"><title>Edited photos</title>'
        f"<style>{STYLE}</style><h1>Edited photos</h1><p>{escape(facts)}. Drag over a picture, or use the arrow keys.</p>"
        f"<main>{''.join(map(_figure, rows))}</main><script>{SCRIPT}</script></html>\n"
    )


def _figure(row: dict[str, Any]) -> str:
    """A pair under a slider; a picture that is an object of its own is linked to."""
    name = escape(f"{row['id']}-{row['index']}", quote=True)
    link = name if row["member"] else f'<a href="{escape(row["key"], quote=True)}">{name}</a>'
    steps = " → ".join(" ".join([edit, *(f"{key}={value}" for key, value in given.items())]) for edit, given in _chain(row["edits"]))
    facts = ", ".join(f"{key} {value}" for key, value in json.loads(row["facts"]).items())
    said = escape(f"{steps}; {row['width']}x{row['height']} {row['format']}, {row['bytes']:,} bytes" + (f"; {facts}" if facts else ""))
    shown = escape(row["shown"], quote=True)
    return (
        f'<figure><div class=pair><img loading=lazy src="{shown}-after.webp" alt="{name} after">'
        f'<img class=before loading=lazy src="{shown}-before.webp" alt="{name} before"><i></i>'
        '<b style="left:6px">before</b><b style="right:6px">after</b>'
        f'<input type=range min=0 max=100 value=50 aria-label="{name}: how much of before is shown"></div>'
        f"<figcaption>{link}<br><small>{said}</small></figcaption></figure>"
    )


def _chain(edits: str) -> list[tuple[str, dict[str, Any]]]:
    return [next(iter(step.items())) for step in json.loads(edits)]
