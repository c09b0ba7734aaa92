"""The photos and masks of a sample catalog in a store, and which objects under a folder were written by an ingest itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ganray.catalog.sample import SAMPLE_KEY, SamplePlan, attributes_csv, draw, photo_key
from ganray.catalog.schema import CATALOG_KEY
from ganray.catalog.shard_paths import is_part
from ganray.errors import CatalogError, ObjectNotFound
from ganray.images.codec import encode
from ganray.storage import Store

SAMPLE_CHUNK = 128  # products drawn by one task
SHEET_KEY = "contact_sheet.png"
OWN_KEYS = (SHEET_KEY, CATALOG_KEY, SAMPLE_KEY, "attributes.csv")


def find_sample(out: Store) -> SamplePlan | None:
    """The sample under `out`, perhaps unfinished. Raises CatalogError if files of another origin are in its place."""
    try:
        data = out.get(SAMPLE_KEY)
    except ObjectNotFound:
        data = None
    plan = None if data is None else SamplePlan.from_json(data)
    if plan is None:
        foreign = SAMPLE_KEY if data is not None else next((info.key for folder in ("photos", "truth") for info in out.list(folder)), None)
        if foreign is not None:
            raise CatalogError(
                f"a sample catalog cannot be drawn under {out.url}: {foreign} exists and is not part of a sample",
                "Name another folder with --out, or ingest your own photos with --source",
            )
    return plan


def num_chunks(plan: SamplePlan) -> int:
    """The number of tasks into which the drawing is divided."""
    return -(-plan.products // SAMPLE_CHUNK)


def draw_chunk(out: Store, plan: SamplePlan, chunk: int) -> int:
    """Draw photos and masks of one chunk; returns their number."""
    start, stop = chunk * SAMPLE_CHUNK, min(plan.products, (chunk + 1) * SAMPLE_CHUNK)
    for index in range(start, stop):
        item = plan.product(index)
        pixels, mask = draw(item, plan.side)
        out.put(f"photos/{photo_key(item)}", encode(pixels, "png"))
        out.put(f"truth/{photo_key(item)}", encode(np.repeat(mask[..., None], 3, axis=2), "png"))
    return stop - start


def finish_sample(out: Store, plan: SamplePlan) -> None:
    """Delete photos of an earlier, larger sample, write the table of attributes, and mark the sample as finished."""
    for folder in ("photos", "truth"):
        for info in list(out.list(folder)):
            if plan.outgrown(info.key.removeprefix(f"{folder}/")):
                out.delete(info.key)
    out.put("photos/attributes.csv", attributes_csv(plan.product(index) for index in range(plan.products)))
    out.put(SAMPLE_KEY, plan.model_copy(update={"finished": True}).to_json())


def own_objects(source: Store, out: Store) -> Callable[[str], bool]:
    """Which keys of `source` are objects that an ingest into `out` wrote; none unless `out` is in `source`."""
    inside = source.prefix_of(out)
    folder = None if inside is None else f"{inside}/" if inside else ""
    if folder is None:
        return lambda key: False
    sample = out.exists(SAMPLE_KEY) and find_sample(out) is not None
    folders = (f"{folder}photos/", f"{folder}truth/") if sample else ()

    def is_own(key: str) -> bool:
        name = key.removeprefix(folder)
        return key.startswith(folder) and (name in OWN_KEYS or is_part(name) or key.startswith(folders))

    return is_own
