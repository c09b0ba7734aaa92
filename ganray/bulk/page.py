"""What a person looks at first when a job is done: a contact sheet, and a page of images with what was asked. No scripts; no clock.

Of a job with a gate the page begins with the worst of what was written, by score, and the best: a person should look at the worst first.
"""

from __future__ import annotations

import heapq
import tarfile
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from ganray.bulk.job import GenerateJob
from ganray.bulk.layouts import create_once
from ganray.bulk.manifest import Manifest, manifest_key
from ganray.images.codec import MEDIA_TYPES, Pixels, decode_prepared
from ganray.images.provenance import Label, encode_labelled
from ganray.images.transforms import contact_sheet
from ganray.pages import data_url, render
from ganray.storage import Store

IMAGES_SHOWN = 240  # images of the page, spread evenly over the job
AT_ENDS = 24  # images with the lowest scores, and with the highest ones, that are shown before these
ROWS, COLUMNS, TILE = 20, 8, 64  # of the sheet: values of the first attribute, and pixels a side


def show_some(store: Store, plan: GenerateJob, manifest: Manifest) -> None:
    """Create `index.html` and `contact_sheet.png` beside the images of a finished job; nothing where it has none."""
    num = manifest.num_rows
    if not num:
        return
    rows = _spread(manifest, sorted({i * num // IMAGES_SHOWN for i in range(IMAGES_SHOWN)}))
    images = _read(store, rows)
    ends = {title: list(map(_picture, some, _read(store, some))) for title, some in _ends(manifest).items()} if plan.gate_digest else {}
    create_once(store, "index.html", _page(plan, list(map(_picture, rows, images)), num, ends).encode())
    label = Label(plan.model_digest, "contact sheet", 0, plan.software)
    sheet = contact_sheet(_by_value(rows, images), TILE)
    create_once(store, "contact_sheet.png", encode_labelled(sheet, "png", label))


def _ends(manifest: Manifest) -> dict[str, list[dict[str, Any]]]:
    """The rows with the lowest scores, the lowest first, and those with the highest, the highest first; none is among both."""
    worst, best, first = list[tuple[float, int]](), list[tuple[float, int]](), 0
    for table in manifest.tables([*range(len(manifest.groups))], ["score"]):
        scores = list(zip(table.column("score").to_pylist(), range(first, first + table.num_rows), strict=True))
        worst, best = heapq.nsmallest(AT_ENDS, worst + scores), heapq.nlargest(AT_ENDS, best + scores)
        first += table.num_rows
    worst = worst[: first // 2]
    ends = {"Worst by score": worst, "Best by score": best[: first - len(worst)]}
    places = sorted({place for end in ends.values() for _, place in end})
    rows = dict(zip(places, _spread(manifest, places), strict=True))
    return {title: [rows[place] for _, place in end] for title, end in ends.items() if end}


def _spread(manifest: Manifest, places: list[int]) -> list[dict[str, Any]]:
    """The rows at these places, in order, a row group at a time."""
    wanted, start = dict[int, list[int]](), 0
    for number, (_, _, num) in enumerate(manifest.groups):
        if here := [place - start for place in places if start <= place < start + num]:
            wanted[number] = here
        start += num
    tables = zip(manifest.tables([*wanted]), wanted.values(), strict=True)
    return [row for table, here in tables for row in table.take(here).to_pylist()]


def _read(store: Store, rows: list[dict[str, Any]]) -> list[bytes]:
    """The encoded images of these rows of the manifest, each shard's object read once."""
    images, key, whole = [], "", b""
    for row in rows:
        if row["key"] != key:
            key, whole = row["key"], store.get(row["key"])
        images.append(_member(whole, row))
    return images


def _member(whole: bytes, row: dict[str, Any]) -> bytes:
    if not row["member"]:
        return whole
    if row["key"].endswith(".tar"):
        with tarfile.open(fileobj=BytesIO(whole)) as tar:
            file = tar.extractfile(row["member"])
            assert file is not None
            return file.read()
    table = pq.read_table(BytesIO(whole), columns=["id", "index", "image"])
    here = np.array(table["id"].to_pylist()) == row["id"]
    place = int(np.flatnonzero(here & (table["index"].to_numpy() == row["index"]))[0])
    data: bytes = table["image"][place]["bytes"].as_py()
    return data


def _by_value(rows: list[dict[str, Any]], images: list[bytes]) -> list[tuple[str, list[Pixels]]]:
    """The images by their value of the first attribute."""
    name = next((name for name in rows[0] if name.startswith("attr:")), None)
    found: dict[str, list[Pixels]] = {}
    for row, data in zip(rows, images, strict=True):
        group = found.setdefault((row[name] or "") if name else "", [])
        if len(group) < COLUMNS:
            group.append(decode_prepared(data))
    return sorted(found.items())[:ROWS]


def _page(plan: GenerateJob, pictures: list[dict[str, Any]], num: int, ends: dict[str, list[dict[str, Any]]]) -> str:
    return render(
        "bulk_job.html",
        title="Generated images",
        num=f"{num:,}",
        model=plan.model_digest[:12],
        created=plan.created,
        manifest=manifest_key(plan),
        kept=plan.keep.replace(":", " "),
        ends=ends,
        pictures=pictures,
    )


def _picture(row: dict[str, Any], data: bytes) -> dict[str, Any]:
    """An image of its own is linked to, one out of a shard's object lies in the page."""
    asked = [row.get("title"), *(value for name, value in row.items() if name.startswith("attr:"))]
    return {
        "name": f"{row['id']}-{row['index']}",
        "asked": ", ".join(str(value) for value in asked if value),
        "seed": row["seed"],
        "score": f"{row['score']:.3g}" if "score" in row else "",
        "rank": row.get("rank"),
        "link": "" if row["member"] else row["key"],
        "source": data_url(MEDIA_TYPES[row["format"]], data) if row["member"] else row["key"],
    }
