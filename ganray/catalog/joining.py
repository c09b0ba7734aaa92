"""What belongs to an image beside its pixels: the category by its folder, or the row of an attributes table.

All keys are seen before any is answered for: whether there are folders at all, and which files a row of the table names, is known then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ganray.catalog.attributes import BY_KEY, BY_TAIL, Attributes
from ganray.catalog.schema import ATTRIBUTE_PREFIX

Row = tuple[str, tuple[str, ...], str]  # sku, attribute values and title (none where there is a reason), reason
Seen = tuple[list[int], list[int]]  # what is to be kept of each key: the table's row, and how it came to it


class Joined(Protocol):
    """Where attributes come from."""

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What the manifest calls the parts of a row's second item."""

    def see(self, keys: list[str]) -> Seen:
        """Take keys into account; returns what `rows` is to be given with them."""

    def rows(self, keys: list[str], seen: Seen) -> Iterator[Row]:
        """The row of each key."""

    def counts(self) -> tuple[Counter[str], Counter[str]]:
        """Of all that was seen: images of each value of the primary attribute that are to be cleaned, and of each reason for others."""


def primary(attributes: tuple[str, ...]) -> str | None:
    """The attribute that stands for the category: the one of that name, or the first."""
    return "category" if "category" in attributes else next(iter(attributes), None)


class Folders:
    """The category is the first folder of the key; images beside folders have none, unless all are."""

    def __init__(self) -> None:
        self._folders: Counter[str] = Counter()
        self._beside = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The category, where there are folders."""
        return ("category",) if self._folders else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """See Joined."""
        return tuple(ATTRIBUTE_PREFIX + name for name in self.names)

    def see(self, keys: list[str]) -> Seen:
        """See Joined."""
        folders = Counter(key.partition("/")[0] for key in keys if "/" in key)
        self._folders += folders
        self._beside += len(keys) - folders.total()
        return [0] * len(keys), [0] * len(keys)

    def rows(self, keys: list[str], seen: Seen) -> Iterator[Row]:
        """See Joined."""
        for key in keys:
            folder, slash, _ = key.partition("/")
            yield (_stem(key), (folder,), "") if slash else (_stem(key), (), "no_category" if self._folders else "")

    def counts(self) -> tuple[Counter[str], Counter[str]]:
        """See Joined."""
        return self._folders, Counter({"no_category": self._beside} if self._folders and self._beside else {})


class Table:
    """Attributes of a table; what it counts takes 8 bytes for each of its rows."""

    def __init__(self, attributes: Attributes) -> None:
        self._attributes, self.names, self.columns = attributes, attributes.names, attributes.columns
        self._free = np.zeros(len(attributes.joins), np.int32)  # images that are a row's whatever others are
        self._tails = np.zeros(len(attributes.joins), np.int32)
        self._keys = np.zeros(len(attributes.joins), bool)
        self._absent = 0

    def see(self, keys: list[str]) -> Seen:
        """See Joined."""
        claims = self._attributes.claims(keys)
        row, how = (np.array(column, np.int32) for column in zip(*claims, strict=True))
        np.add.at(self._free, row[(row >= 0) & (how != BY_TAIL)], 1)
        np.add.at(self._tails, row[how == BY_TAIL], 1)
        self._keys[row[how == BY_KEY]] = True
        self._absent += int((row < 0).sum())
        return row.tolist(), how.tolist()

    def rows(self, keys: list[str], seen: Seen) -> Iterator[Row]:
        """See Joined."""
        alone = self._alone
        for key, row, how in zip(keys, *seen, strict=True):
            if row < 0:
                yield _stem(key), (), "not_in_table"
            elif how == BY_TAIL and not alone[row]:
                yield _stem(key), (), "ambiguous"
            else:
                yield (self._attributes.skus[row] if self._attributes.skus else "") or _stem(key), self._attributes.of(row), ""

    def counts(self) -> tuple[Counter[str], Counter[str]]:
        """See Joined."""
        alone = self._alone
        images = self._free + alone
        name = primary(self.names)
        values = self._attributes.values[name] if name else [""] * len(images)
        usable: Counter[str] = Counter()
        for value, num in zip(values, images.tolist(), strict=True):
            if num:
                usable[value] += num
        reasons = {"not_in_table": self._absent, "ambiguous": int(self._tails.sum() - alone.sum())}
        return usable, Counter({reason: num for reason, num in reasons.items() if num})

    @property
    def _alone(self) -> NDArray[np.bool_]:
        """Of which rows the one image that they name by a tail is theirs."""
        alone: NDArray[np.bool_] = (self._tails == 1) & ~self._keys
        return alone


def _stem(key: str) -> str:
    name = key.rpartition("/")[2]
    return name.rpartition(".")[0] or name
