"""What a person looks at first when a job is done: a contact sheet, and a page of images with what was asked. No scripts; no clock."""

from __future__ import annotations

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
ROWS, COLUMNS, TILE = 20, 8, 64  # of the sheet: values of the first attribute, and pixels a side


def show_some(store: Store, plan: GenerateJob, manifest: Manifest) -> None:
    """Create `index.html` and `contact_sheet.png` beside the images of a finished job; nothing where it has none."""
    num = manifest.num_rows
    if not num:
        return
    rows = _spread(manifest, sorted({i * num // IMAGES_SHOWN for i in range(IMAGES_SHOWN)}))
    images = _read(store, rows)
    create_once(store, "index.html", _page(plan, rows, images, num).encode())
    label = Label(plan.model_digest, "contact sheet", 0, plan.software)
    sheet = contact_sheet(_by_value(rows, images), TILE)
    create_once(store, "contact_sheet.png", encode_labelled(sheet, "png", label))


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


def _page(plan: GenerateJob, rows: list[dict[str, Any]], images: list[bytes], num: int) -> str:
    return render(
        "bulk_job.html",
        title="Generated images",
        num=f"{num:,}",
        model=plan.model_digest[:12],
        created=plan.created,
        manifest=manifest_key(plan),
        pictures=list(map(_picture, rows, images)),
    )


def _picture(row: dict[str, Any], data: bytes) -> dict[str, Any]:
    """An image of its own is linked to, one out of a shard's object lies in the page."""
    asked = [row.get("title"), *(value for name, value in row.items() if name.startswith("attr:"))]
    return {
        "name": f"{row['id']}-{row['index']}",
        "asked": ", ".join(str(value) for value in asked if value),
        "seed": row["seed"],
        "link": "" if row["member"] else row["key"],
        "source": data_url(MEDIA_TYPES[row["format"]], data) if row["member"] else row["key"],
    }
