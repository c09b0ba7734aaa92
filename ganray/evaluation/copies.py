"""Search for copies of catalog photos among samples: the distance of each sample to the nearest photo, beside that of held-out photos.

The catalog is read a few photos at a time. In memory is one distance and one place for each sample and each held-out photo.
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
    """Find the nearest photo to each sample (`near`) and to each photo of `holdout` (`usual`); yields the number of photos of each step.

    A photo with the same pixels does not count as a neighbour of a held-out photo: it is that photo, or a duplicate.
    """
    rows: dict[bytes, list[int]] = {}
    for row, digest in enumerate(_digests(holdout)):
        rows.setdefault(digest, []).append(row)
    for shard, group, size in groups:
        table = catalog.read_row_group(shard, group, ["image"])
        for start in range(0, size, BATCH):
            pixels = catalog.images(table.slice(start, BATCH))
            features = extract(extractor, pixels)
            usual.look(features, [(row, place) for place, digest in enumerate(_digests(pixels)) for row in rows.get(digest, ())])
            near.look(features)
            yield len(pixels)


def find_pairs(
    usual: Nearest, near: Nearest, photo: Callable[[int], Pixels], pixels: Pixels, requests: Sequence[GenerateRequest]
) -> dict[str, list[Pair]]:
    """Samples [n, R, R, 3] with their nearest photos (`photo` reads the photo at a place): the closest pairs and the typical ones."""
    scale = usual.distances.median().clamp_min(1e-9)
    order, middle = near.distances.argsort(stable=True).tolist(), (len(near.distances) - PAIRS) // 2

    def pair(index: int) -> Pair:
        description = ", ".join(filter(None, (*requests[index].attributes.values(), requests[index].title)))
        return Pair(pixels[index], photo(int(near.places[index])), float(near.distances[index] / scale), description)

    groups = {"The closest": order[:PAIRS], "Typical": order[middle : middle + PAIRS]}
    return {title: [pair(index) for index in group] for title, group in groups.items()}


def _digests(photos: Pixels) -> list[bytes]:
    """A digest of the pixels of each photo."""
    return [hashlib.blake2b(photo.tobytes(), digest_size=16).digest() for photo in photos]
