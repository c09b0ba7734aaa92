"""An attributes table (CSV or Parquet), joined to images by file path or by SKU."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ganray.catalog.join_index import Claim, JoinIndex, same_names
from ganray.catalog.schema import ATTRIBUTE_PREFIX, TITLE
from ganray.config import IngestConfig
from ganray.errors import CatalogError
from ganray.images.names import is_image_name, loose
from ganray.storage import open_object
from ganray.tables.reader import Table, is_text, read_table
from ganray.tables.spelling import MAX_TEXT, column_name, lost_digits, spell, spell_id, spell_values

JOIN_COLUMNS = ("file", "filename", "path", "sku")


@dataclass(frozen=True)
class Attributes:
    """A table to join to images: `names` are the attribute columns, `titles` is None if no title column is configured.

    `missing` counts the cells of each used column that hold a word for "no value" such as N/A; `lost_digits` the join values that a
    spreadsheet has cut.
    """

    names: tuple[str, ...]
    values: dict[str, list[str]]
    titles: list[str] | None
    skus: list[str] | None
    joins: JoinIndex
    missing: dict[str, int] = field(default_factory=dict)
    lost_digits: int = 0

    def find(self, key: str) -> int | None:
        """The row of an image by its key, None if there is none; see `JoinIndex`."""
        row = self.joins.find(key).row
        return row if row >= 0 else None

    def claims(self, keys: list[str]) -> list[Claim]:
        """The row of each image and how it matched.

        A SKU may have many images. A row with a file name has one: the image with exactly that key, or the only image that matches it
        otherwise.
        """
        return [self.joins.find(key) for key in keys]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the values of `of` in the manifest and the shards."""
        return (*(ATTRIBUTE_PREFIX + name for name in self.names), *(() if self.titles is None else (TITLE,)))

    def of(self, row: int) -> tuple[str, ...]:
        """The attribute values of a row, in the order of `names`, then the title if there are titles; missing values are empty."""
        return (*(self.values[name][row] for name in self.names), *(() if self.titles is None else (self.titles[row],)))


class _Column:
    """The cells of a column; only as many different ones as `most`, if that is not None: with more it is no attribute."""

    def __init__(self, kind: str, most: int | None) -> None:
        self.kind, self.nested = kind, False
        self.texts: list[str] = []
        self._most, self._known = most, dict[str, str]()

    def add(self, cell: Any) -> None:
        """Take a cell: text, None, or what is no text."""
        if self._most is not None and len(self._known) > self._most:
            return
        if cell is not None and not isinstance(cell, str):
            self.nested = True
        text = spell(cell) if isinstance(cell, str) else ""
        self.texts.append(self._known.setdefault(text, text))

    def spelled(self) -> list[str]:
        """The texts, spelled as a typed column has them."""
        spelling = spell_values(self._known)
        return [spelling[text] for text in self.texts]

    @property
    def longest(self) -> int:
        """Characters of the longest text."""
        return max(map(len, self._known), default=0)

    @property
    def useful(self) -> bool:
        """Whether the column may be an attribute: numbers, dates, structs, lists and bytes are none unless they are configured."""
        if not is_text(self.kind) or self.longest > MAX_TEXT or self._most is None:
            return False
        return 2 <= len(self._known) <= self._most and not self._numeric()

    @property
    def repeats(self) -> bool:
        """Whether any value stands in two rows: if none does, the column names the product, as a handle does."""
        return len(self._known) < len(self.texts)

    def _numeric(self) -> bool:
        try:
            pc.cast(pa.array([text or None for text in self._known], pa.string()), pa.float64())
        except pa.ArrowInvalid:
            return False
        return True


def load_attributes(config: IngestConfig) -> Attributes:
    """Read `config.table` and select its columns.

    Raises CatalogError for what is no table, one without the join column, a repeated join value with other attributes, unknown or useless
    columns, columns of structs or lists, or titles that are all empty; StorageError if unreadable.
    """
    store, key = open_object(config.table)
    with store.open_seekable(key) as file:
        table = read_table(file, config.table, CatalogError)
        reader = _Reader(config, table)
        join = reader.join
        numbers = reader.read()
    names = reader.attributes()
    values = {name: reader.columns[name].spelled() for name in names}
    titles = reader.titles()
    sku = next((name for name in table.columns if name.lower() == "sku"), None)
    joins = [spell_id(text) for text in reader.texts(join)]
    skus = [spell_id(text) for text in reader.texts(sku)] if sku else None
    used = dict.fromkeys((join, *names, *filter(None, (sku, reader.title))))
    missing = {name: table.missing[name] for name in used if table.missing[name]}
    attributes = Attributes(names, values, titles, skus, JoinIndex([]), missing, sum(map(lost_digits, joins)))
    _merge(attributes, joins, join, lambda row: table.place(numbers[row]))
    return replace(attributes, joins=JoinIndex(joins))


def _merge(attributes: Attributes, joins: list[str], join: str, place: Callable[[int], str]) -> None:
    """Empty the join value of rows that only repeat another one. Raises CatalogError for those that contradict it."""
    skus = attributes.skus or [""] * len(joins)
    for first, *others in same_names(joins):
        for row in others:
            if (attributes.of(row), skus[row]) != (attributes.of(first), skus[first]):
                raise CatalogError(
                    f"{place(row)}: column {join!r} has duplicate {joins[first]!r} ({len(others) + 1} rows): {place(first)} has it, too",
                    "Give every file or SKU one row",
                )
            joins[row] = ""


class _Reader:
    """The columns of a table that ingest may need."""

    def __init__(self, config: IngestConfig, table: Table) -> None:
        self.config, self.table = config, table
        self.join = self._join()
        self.title = self._named(config.title) if config.title else ""
        self.named = None if config.attributes is None else tuple(self._named(name) for name in config.attributes)
        whole = {self.join, self.title, *(self.named or ()), *(name for name in table.columns if name.lower() == "sku")}
        self.columns = {name: _Column(kind, None if name in whole else config.max_values) for name, kind in table.types.items()}

    def read(self) -> array[int]:
        """Read all rows; returns their numbers."""
        numbers = array("q")
        for number, cells in self.table:
            numbers.append(number)
            for column, cell in zip(self.columns.values(), cells, strict=True):
                column.add(cell)
        return numbers

    def attributes(self) -> tuple[str, ...]:
        """The configured columns, or all that could be categories: text with 2 to max_values different values."""
        if self.named is None:
            return self._useful()
        for name in self.named:
            count = len(set(self.texts(name)))
            if count > self.config.max_values:
                raise CatalogError(
                    f"{self.config.table}: column {name!r} has {count:,} values, max_values is {self.config.max_values}",
                    "Omit it, or raise max_values",
                )
            if self.columns[name].longest > MAX_TEXT:
                raise CatalogError(
                    f"{self.config.table}: column {name!r} has values of over {MAX_TEXT} characters, which no request can name",
                    "Omit it, or shorten them",
                )
        return self.named

    def titles(self) -> list[str] | None:
        """The titles, if a column of them is configured."""
        if not self.title:
            return None
        titles = self.texts(self.title)
        if not any(titles):
            raise CatalogError(
                f"{self.config.table}: column {self.title!r} is empty in every row", "Name another column with --title, or omit it"
            )
        return titles

    def texts(self, name: str) -> list[str]:
        """A column as text, missing values empty. Raises CatalogError if its values are not text."""
        column = self.columns[name]
        if column.nested:
            raise CatalogError(
                f"{self.config.table}: column {name!r} holds {column.kind} values, which are not text",
                "Omit it, or write each part of it as a separate column",
            )
        return column.texts

    def _join(self) -> str:
        wanted = (column_name(self.config.join),) if self.config.join else JOIN_COLUMNS
        for name in wanted:
            for column in self.table.columns:
                if column == name or (not self.config.join and column.lower() == name):
                    return column
        available = ", ".join(self.table.columns) or "none"
        raise CatalogError(
            f"{self.config.table} has no column {' or '.join(map(repr, wanted))}",
            f"Name the one that holds the file or the SKU with --join; it has: {available}",
        )

    def _named(self, name: str) -> str:
        if column_name(name) not in self.table.columns:
            raise CatalogError(f"{self.config.table} has no column {name!r}", f"It has: {', '.join(self.table.columns)}")
        return column_name(name)

    def _names_products(self, chosen: tuple[str, ...]) -> bool:
        """Whether the first of these columns names products, as a handle does: every row is a file, no value stands in two rows, and other
        columns have values that do. As the category it would have one image a value."""
        if not chosen or "category" in chosen or self.columns[chosen[0]].repeats:
            return False
        files = all(is_image_name(loose(text)) for text in self.columns[self.join].texts if text)
        return files and any(self.columns[name].repeats for name in chosen)

    def _useful(self) -> tuple[str, ...]:
        others = [name for name in self.table.columns if name not in (self.join, self.title) and name.lower() not in JOIN_COLUMNS]
        chosen = tuple(name for name in others if self.columns[name].useful)
        if self._names_products(chosen):
            chosen = tuple(name for name in chosen if self.columns[name].repeats)
        if not chosen:
            raise CatalogError(
                f"{self.config.table} has no useful column besides {self.join!r}: all are constant, not text or over "
                f"{self.config.max_values} values",
                "Name columns with --attributes, or omit the table to use folders as categories",
            )
        return chosen
