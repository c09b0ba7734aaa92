"""The row groups of a catalog that a nearest-photo search reads, and single photos of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ganray.catalog.reader import Catalog
from ganray.images.codec import Pixels

Group = tuple[int, int, int]  # shard, row group, rows
BATCH = 256  # photos decoded at once, however large a row group is


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


def photo_at(catalog: Catalog, groups: Sequence[Group], place: int) -> Pixels:
    """The photo that `search` saw as number `place`, from 0: uint8 [R, R, 3]."""
    ends = np.cumsum([size for _, _, size in groups])
    shard, group, size = groups[found := int(np.searchsorted(ends, place, "right"))]
    row = place - int(ends[found]) + size
    return catalog.images(catalog.read_row_group(shard, group, ["image"]).slice(row, 1)).squeeze(0)
