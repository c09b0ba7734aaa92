"""A few samples for each value of an attribute, each with the photo of the catalog that is most like it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganray.catalog.reader import Catalog, Labels
from ganray.catalog.search_groups import Group
from ganray.images.codec import Pixels
from ganray.images.transforms import resize
from ganray.metrics.pair_sheet import TILE, Pairs
from ganray.storage.retry import patiently

ATTRIBUTES, VALUES, PAIRS = 3, 20, 4  # at most: each pair may read a row group of the catalog
Chosen = dict[str, dict[str, list[int]]]  # attribute -> value -> samples


def chosen_samples(accuracy: Mapping[str, Any], vocabulary: Mapping[str, Sequence[str]], labels: Labels) -> Chosen:
    """The samples to show, the first of each value: of the attributes that were asked for, the category first, and in the report's order
    of values, the worst first. `accuracy` is the report's; `labels` int64 [n, columns] those of the vocabulary."""
    asked = [name for name, row in accuracy.items() if row["generated"] is not None]
    asked.sort(key=lambda name: name != "category")
    chosen: Chosen = {}
    for name in asked[:ATTRIBUTES]:
        column = labels[:, list(vocabulary).index(name)]
        samples = {value: np.flatnonzero(column == vocabulary[name].index(value))[:PAIRS].tolist() for value in accuracy[name]["values"]}
        present = [(value, places) for value, places in samples.items() if places]
        chosen[name] = dict(present[:VALUES])
    return chosen


def with_photos(chosen: Chosen, samples: Pixels, nearest: NDArray[np.int64], photos: Mapping[int, Pixels]) -> dict[str, dict[str, Pairs]]:
    """The samples [n, R, R, 3] that were chosen beside the photos whose places are `nearest` [n]."""
    return {
        name: {value: [(samples[place], photos[int(nearest[place])]) for place in places] for value, places in values.items()}
        for name, values in chosen.items()
    }


def places_of(chosen: Chosen) -> list[int]:
    """All samples that were chosen, each once."""
    return sorted({place for values in chosen.values() for places in values.values() for place in places})


def photos_at(catalog: Catalog, groups: Sequence[Group], places: Iterable[int]) -> Iterator[tuple[int, Pixels]]:
    """The photos that a search of `groups` saw as these numbers, uint8 [S, S, 3], S at most TILE; a row group is read once."""
    side = min(TILE, catalog.info.resolution)
    ends = np.cumsum([size for _, _, size in groups])
    wanted: dict[int, list[int]] = {}
    for place in sorted(set(places)):
        wanted.setdefault(int(np.searchsorted(ends, place, "right")), []).append(place)
    for found, inside in wanted.items():
        shard, group, size = groups[found]
        table = patiently("evaluate", catalog.read_row_group, shard, group, ["image"])
        for place in inside:
            photo = catalog.images(table.slice(place - int(ends[found]) + size, 1)).squeeze(0)
            yield place, np.asarray(resize(Image.fromarray(photo), side, side))
