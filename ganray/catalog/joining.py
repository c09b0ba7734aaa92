"""Join attributes to images: the category from the folder, or a row of an attributes table.

Two passes: all keys are added before the rows are read, because ambiguous names and the use of folders depend on all keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ganray.catalog.attributes import BY_KEY, BY_TAIL, Attributes
from ganray.catalog.schema import ATTRIBUTE_PREFIX

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
        folders = Counter(key.partition("/")[0] for key in keys if "/" in key)
        self._folders += folders
        self._without_folder += len(keys) - folders.total()
        return [0] * len(keys), [0] * len(keys)

    def rows(self, keys: list[str], matches: Seen) -> Iterator[Row]:
        """See Joined."""
        for key in keys:
            folder, slash, _ = key.partition("/")
            yield (_stem(key), (folder,), "") if slash else (_stem(key), (), "no_category" if self._folders else "")

    def counts(self) -> tuple[Counter[str], Counter[str]]:
        """See Joined."""
        return self._folders, Counter({"no_category": self._without_folder} if self._folders and self._without_folder else {})


class Table:
    """Attributes of a table; the counts take 9 bytes per row."""

    def __init__(self, attributes: Attributes) -> None:
        self._attributes, self.names, self.columns = attributes, attributes.names, attributes.columns
        self._exact = np.zeros(len(attributes.joins), np.int32)  # images that match a row by SKU or key
        self._tails = np.zeros(len(attributes.joins), np.int32)
        self._has_key = np.zeros(len(attributes.joins), bool)
        self._absent = 0

    def add(self, keys: list[str]) -> Seen:
        """See Joined."""
        claims = self._attributes.claims(keys)
        row, match = (np.array(column, np.int32) for column in zip(*claims, strict=True))
        np.add.at(self._exact, row[(row >= 0) & (match != BY_TAIL)], 1)
        np.add.at(self._tails, row[match == BY_TAIL], 1)
        self._has_key[row[match == BY_KEY]] = True
        self._absent += int((row < 0).sum())
        return row.tolist(), match.tolist()

    def rows(self, keys: list[str], matches: Seen) -> Iterator[Row]:
        """See Joined."""
        unique = self._unique_tails
        for key, row, match in zip(keys, *matches, strict=True):
            if row < 0:
                yield _stem(key), (), "not_in_table"
            elif match == BY_TAIL and not unique[row]:
                yield _stem(key), (), "ambiguous"
            else:
                yield (self._attributes.skus[row] if self._attributes.skus else "") or _stem(key), self._attributes.of(row), ""

    def counts(self) -> tuple[Counter[str], Counter[str]]:
        """See Joined."""
        unique = self._unique_tails
        images = self._exact + unique
        name = primary(self.names)
        values = self._attributes.values[name] if name else [""] * len(images)
        usable: Counter[str] = Counter()
        for value, num in zip(values, images.tolist(), strict=True):
            if num:
                usable[value] += num
        reasons = {"not_in_table": self._absent, "ambiguous": int(self._tails.sum() - unique.sum())}
        return usable, Counter({reason: num for reason, num in reasons.items() if num})

    @property
    def _unique_tails(self) -> NDArray[np.bool_]:
        """Rows with exactly one image that matches by a tail, and none by key."""
        unique: NDArray[np.bool_] = (self._tails == 1) & ~self._has_key
        return unique


def _stem(key: str) -> str:
    name = key.rpartition("/")[2]
    return name.rpartition(".")[0] or name
