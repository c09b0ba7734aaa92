"""Search for copies of catalog photos among samples: the distance of each sample to the nearest photo, beside that of held-out photos; and
the samples that `copies/search.py` finds to be a photo.

The catalog is read a few photos at a time. In memory is one distance and one place for each sample and each held-out photo.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ganray.catalog.reader import Catalog
from ganray.catalog.search_groups import BATCH, Group
from ganray.copies.candidates import Places
from ganray.copies.methods import METHODS, Records
from ganray.copies.search import find_copies
from ganray.images.codec import Pixels
from ganray.metrics.features import Extractor, extract
from ganray.metrics.neighbours import Nearest, usual_distances
from ganray.metrics.page import Pair
from ganray.requests import GenerateRequest
from ganray.storage.retry import patiently

PAIRS = 8
SLAB = 4096  # photos whose records are compared with the samples' at a time


class CopyFinder:
    """Which of some samples uint8 [n, R, R, 3] are photos: `places` int32 [n] are those of the photos, in the order of the calls, or -1."""

    def __init__(self, method: str, samples: Pixels) -> None:
        self.method, self.places = method, np.full(len(samples), -1, np.int32)
        self._samples, self._waiting, self._searched = self._records(samples), list[Records](), 0

    def look(self, photos: Pixels) -> None:
        """Search photos uint8 [m, R, R, 3]; some wait until there are more, or `finish` is called."""
        self._waiting.append(self._records(photos))
        if sum(map(len, self._waiting)) >= SLAB:
            self.finish()

    def finish(self) -> Places:
        """Search the photos that wait; returns `places`."""
        if self._waiting:
            photos, self._waiting = np.concatenate(self._waiting), []
            found = find_copies(self.method, photos, self._samples)
            self.places = np.where((self.places < 0) & (found >= 0), found + self._searched, self.places)
            self._searched += len(photos)
        return self.places

    def _records(self, photos: Pixels) -> Records:
        return METHODS[self.method].records([(photo, None) for photo in photos])


@dataclass(frozen=True)
class Searchers:
    """What is sought: the nearest photo to each held-out photo (`usual`) and to each sample (`near`), and samples that are photos."""

    usual: Nearest
    near: Nearest
    copies: CopyFinder


def search(catalog: Catalog, groups: Sequence[Group], extractor: Extractor, holdout: Pixels, searchers: Searchers) -> Iterator[int]:
    """Search the photos of the catalog for those like each sample, and like each photo of `holdout`; yields the number of photos of each
    step.

    A photo with the same pixels does not count as a neighbour of a held-out photo: it is that photo, or a duplicate.
    """
    rows: dict[bytes, list[int]] = {}
    for row, digest in enumerate(_digests(holdout)):
        rows.setdefault(digest, []).append(row)
    for shard, group, size in groups:
        table = patiently("evaluate", catalog.read_row_group, shard, group, ["image"])
        for start in range(0, size, BATCH):
            pixels = catalog.images(table.slice(start, BATCH))
            features = extract(extractor, pixels)
            searchers.usual.look(features, [(row, place) for place, digest in enumerate(_digests(pixels)) for row in rows.get(digest, ())])
            searchers.near.look(features)
            searchers.copies.look(pixels)
            yield len(pixels)
    searchers.copies.finish()


def find_pairs(
    searchers: Searchers, photo: Callable[[int], Pixels], pixels: Pixels, requests: Sequence[GenerateRequest]
) -> dict[str, list[Pair]]:
    """Samples [n, R, R, 3] with photos (`photo` reads the photo at a place): those that are copies, the closest pairs and typical ones."""
    near, scale = searchers.near, usual_distances(searchers.usual.distances).median().clamp_min(1e-9)
    order, middle = near.distances.argsort(stable=True).tolist(), (len(near.distances) - PAIRS) // 2

    def pair(index: int, place: int) -> Pair:
        description = ", ".join(filter(None, (*requests[index].attributes.values(), requests[index].title)))
        return Pair(pixels[index], photo(place), float(near.distances[index] / scale), description)

    found = np.flatnonzero(searchers.copies.places >= 0)[:PAIRS].tolist()
    copies = {"Copies of a photo": [pair(index, int(searchers.copies.places[index])) for index in found]} if found else {}
    groups = {"The closest": order[:PAIRS], "Typical": order[middle : middle + PAIRS]}
    return copies | {title: [pair(index, int(near.places[index])) for index in group] for title, group in groups.items()}


def _digests(photos: Pixels) -> list[bytes]:
    """A digest of the pixels of each photo."""
    return [hashlib.blake2b(photo.tobytes(), digest_size=16).digest() for photo in photos]
