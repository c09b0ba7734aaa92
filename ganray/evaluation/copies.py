"""Is a sample a copy? The nearest photo of the whole catalog to it, beside what is usual between photos. No Ray in here.

The catalog is looked through a few photos at a time: what is kept is one distance and one place for each sample and each held-out photo.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

from ganray.catalog.reader import Catalog
from ganray.catalog.search_groups import BATCH, Group
from ganray.images.codec import Pixels
from ganray.metrics.features import Extractor, extract
from ganray.metrics.neighbours import Nearest
from ganray.metrics.page import Pair
from ganray.requests import GenerateRequest

PAIRS = 8


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
