"""Is a sample a copy? The nearest photo of the whole catalog to it, beside what is usual between photos. No Ray in here.

The catalog is looked through a few photos at a time: what is kept is one distance and one place for each sample and each held-out photo.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ganray.catalog.reader import Catalog
from ganray.images.codec import Pixels
from ganray.metrics.features import Extractor, extract
from ganray.metrics.neighbours import Nearest
from ganray.metrics.page import Pair
from ganray.requests import GenerateRequest

Group = tuple[int, int, int]  # shard, row group, rows
BATCH = 256  # photos decoded at once, however large a row group is
PAIRS = 8


def groups_to_search(catalog: Catalog, most: int, seed: int) -> list[Group]:
    """The row groups to look through: all (also for `most` 0), or drawn by chance, together of at most `most` photos, but at least one."""
    groups = catalog.row_groups()
    if not most or catalog.num_images <= most:
        return groups
    chosen: list[int] = []
    for place in np.random.default_rng([seed, 1]).permutation(len(groups)).tolist():
        if groups[place][2] <= most or not chosen:
            chosen.append(place)
            most -= groups[place][2]
    return [groups[place] for place in sorted(chosen)]


def search(
    catalog: Catalog, groups: Sequence[Group], extractor: Extractor, holdout: Pixels, usual: Nearest, near: Nearest
) -> Iterator[int]:
    """Look for the nearest photo to each sample (`near`) and to each of `holdout` (`usual`); gives the number of photos of each step.

    A photo with the same pixels is no neighbour of a photo: it is that photo itself, or its double.
    """
    rows: dict[bytes, list[int]] = {}
    for row, mark in enumerate(_marks(holdout)):
        rows.setdefault(mark, []).append(row)
    for shard, group, size in groups:
        table = catalog.read_row_group(shard, group, ["image"])
        for start in range(0, size, BATCH):
            pixels = catalog.images(table.slice(start, BATCH))
            features = extract(extractor, pixels)
            usual.look(features, [(row, place) for place, mark in enumerate(_marks(pixels)) for row in rows.get(mark, ())])
            near.look(features)
            yield len(pixels)


def photo_at(catalog: Catalog, groups: Sequence[Group], place: int) -> Pixels:
    """The photo that `search` saw as number `place`, from 0: uint8 [R, R, 3]."""
    ends = np.cumsum([size for _, _, size in groups])
    shard, group, size = groups[found := int(np.searchsorted(ends, place, "right"))]
    row = place - int(ends[found]) + size
    return catalog.images(catalog.read_row_group(shard, group, ["image"]).slice(row, 1)).squeeze(0)


def find_pairs(
    usual: Nearest, near: Nearest, photo: Callable[[int], Pixels], pixels: Pixels, requests: Sequence[GenerateRequest]
) -> dict[str, list[Pair]]:
    """Samples [n, R, R, 3] beside the photo most like them (`photo` gives it by its place): the closest, and those about the median."""
    scale = usual.distances.median().clamp_min(1e-9)
    order, middle = near.distances.argsort(stable=True).tolist(), (len(near.distances) - PAIRS) // 2

    def pair(index: int) -> Pair:
        asked = ", ".join(filter(None, (*requests[index].attributes.values(), requests[index].title)))
        return Pair(pixels[index], photo(int(near.places[index])), float(near.distances[index] / scale), asked)

    chosen = {"The closest": order[:PAIRS], "Typical": order[middle : middle + PAIRS]}
    return {title: [pair(index) for index in group] for title, group in chosen.items()}


def _marks(photos: Pixels) -> list[bytes]:
    """Equal for equal pixels."""
    return [hashlib.blake2b(photo.tobytes(), digest_size=16).digest() for photo in photos]
