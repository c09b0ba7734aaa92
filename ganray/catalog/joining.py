"""Join attributes to images: the category from the folder, or a row of an attributes table.

Two passes: all keys are added before the rows are read, because ambiguous names and the use of folders depend on all keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ganray.catalog.attributes import Attributes
from ganray.catalog.join_index import ABSENT, BY_FOLDER, BY_KEY, BY_SKU, BY_TAIL, CLASH
from ganray.catalog.schema import ATTRIBUTE_PREFIX, TableRemarks
from ganray.images.names import folders_and_name
from ganray.tables.spelling import MAX_TEXT, trimmed

Row = tuple[str, tuple[str, ...], str]  # sku, attribute values and title (empty if there is a reason), reason
Seen = tuple[list[int], list[int]]  # state per key between the passes: the row of the table, and how it matched


class Joined(Protocol):
    """A source of attributes."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the attributes."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the values of a row in the manifest."""

    def add(self, keys: list[str]) -> Seen:
        """First pass: count keys; returns the state that `rows` needs for them."""

    def rows(self, keys: list[str], matches: Seen) -> Iterator[Row]:
        """Second pass: the row of each key."""

    def counts(self) -> tuple[Counter[str], Counter[str]]:
        """Numbers of usable images per value of the primary attribute, and of unusable images per reason."""

    def remarks(self) -> TableRemarks:
        """What table and photos do not agree on."""


def primary(attributes: tuple[str, ...]) -> str | None:
    """The attribute that is used as the category: `category`, or the first one."""
    return "category" if "category" in attributes else next(iter(attributes), None)


class Folders:
    """The category is the first folder of the key. Images without a folder are unusable, unless no image has one."""

    def __init__(self) -> None:
        self._folders: Counter[str] = Counter()
        self._without_folder = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The category, if there are folders."""
        return ("category",) if self._folders else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """See Joined."""
        return tuple(ATTRIBUTE_PREFIX + name for name in self.names)

    def add(self, keys: list[str]) -> Seen:
        """See Joined."""
        folders = Counter(category for key in keys if (category := _category(key)) is not None)
        self._folders += folders
        self._without_folder += len(keys) - folders.total()
        return [0] * len(keys), [0] * len(keys)

    def rows(self, keys: list[str], matches: Seen) -> Iterator[Row]:
        """See Joined."""
        for key in keys:
            category = _category(key)
            if category is None:
                yield _stem(key), (), "no_category" if self._folders else ""
            else:
                yield _stem(key), (category,), ""

    def counts(self) -> tuple[Counter[str], Counter[str]]:
        """See Joined."""
        return self._folders, Counter({"no_category": self._without_folder} if self._folders and self._without_folder else {})

    def remarks(self) -> TableRemarks:
        """See Joined."""
        return TableRemarks()


class Table:
    """Attributes of a table; the counts take 17 bytes per row."""

    def __init__(self, attributes: Attributes) -> None:
        self._attributes, self.names, self.columns = attributes, attributes.names, attributes.columns
        num = len(attributes.joins)
        self._exact = np.zeros(num, np.int32)  # images that match a row by SKU or key
        self._tails = np.zeros(num, np.int32)
        self._folders = np.zeros(num, np.int32)  # images in a folder that a row names
        self._foreign = np.zeros(num, np.int32)  # images in such a folder that match another row by their own name
        self._has_key = np.zeros(num, bool)
        self._absent = self._clashes = 0

    def add(self, keys: list[str]) -> Seen:
        """See Joined."""
        row, match, folder = (np.array(column, np.int32) for column in zip(*self._attributes.claims(keys), strict=True))
        for counts, how in ((self._exact, (BY_SKU, BY_KEY)), (self._tails, (BY_TAIL,)), (self._folders, (BY_FOLDER,))):
            np.add.at(counts, row[(row >= 0) & np.isin(match, how)], 1)
        np.add.at(self._foreign, folder[(row >= 0) & (folder >= 0) & (folder != row)], 1)
        self._has_key[row[(row >= 0) & (match == BY_KEY)]] = True
        self._clashes += int((match == CLASH).sum())
        self._absent += int(((row == ABSENT) & (match != CLASH)).sum())
        return row.tolist(), match.tolist()

    def rows(self, keys: list[str], matches: Seen) -> Iterator[Row]:
        """See Joined."""
        unique, containers = self._unique_tails, self._containers
        for key, row, match in zip(keys, *matches, strict=True):
            if match == CLASH or (match == BY_TAIL and not unique[row]):
                yield _stem(key), (), "ambiguous"
            elif row == ABSENT or (match == BY_FOLDER and containers[row]):
                yield _stem(key), (), "not_in_table"
            else:
                yield (self._attributes.skus[row] if self._attributes.skus else "") or _stem(key), self._attributes.of(row), ""

    def counts(self) -> tuple[Counter[str], Counter[str]]:
        """See Joined."""
        images = self._images
        name = primary(self.names)
        values = self._attributes.values[name] if name else [""] * len(images)
        usable: Counter[str] = Counter()
        for value, num in zip(values, images.tolist(), strict=True):
            if num:
                usable[value] += num
        absent = self._absent + int(self._folders[self._containers].sum())
        ambiguous = self._clashes + int(self._tails.sum() - self._unique_tails.sum())
        return usable, Counter({reason: num for reason, num in (("not_in_table", absent), ("ambiguous", ambiguous)) if num})

    def remarks(self) -> TableRemarks:
        """See Joined."""
        known = self._attributes
        unused = sum(bool(value) and not num for value, num in zip(known.joins.values, self._images.tolist(), strict=True))
        return TableRemarks(rows_without_image=unused, lost_digits=known.lost_digits, missing=known.missing)

    @property
    def _images(self) -> NDArray[np.int64]:
        """The number of usable images of each row."""
        images: NDArray[np.int64] = self._exact.astype(np.int64) + self._unique_tails + np.where(self._containers, 0, self._folders)
        return images

    @property
    def _unique_tails(self) -> NDArray[np.bool_]:
        """Rows with exactly one image that matches by a tail, and none by key."""
        unique: NDArray[np.bool_] = (self._tails == 1) & ~self._has_key
        return unique

    @property
    def _containers(self) -> NDArray[np.bool_]:
        """Rows whose name is that of a folder with photos of other rows: the folder is a year or a department, and no SKU."""
        containers: NDArray[np.bool_] = (self._foreign > 0) & (2 * self._foreign >= self._folders)
        return containers


def _category(key: str) -> str | None:
    """The first folder, as a request can name it; None for a key without one."""
    folder, *rest = folders_and_name(key)
    return trimmed(folder)[:MAX_TEXT] if rest else None


def _stem(key: str) -> str:
    name = folders_and_name(key)[-1]
    return name.rpartition(".")[0] or name
