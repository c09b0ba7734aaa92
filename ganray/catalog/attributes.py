"""An attributes table (CSV or Parquet), joined to images by file path or by SKU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from ganray.catalog.schema import ATTRIBUTE_PREFIX, TITLE
from ganray.config import IngestConfig
from ganray.errors import CatalogError
from ganray.storage import open_object

JOIN_COLUMNS = ("file", "filename", "path", "sku")
ABSENT = -1  # instead of a row
BY_SKU, BY_KEY, BY_TAIL = 0, 1, 2


@dataclass(frozen=True)
class Attributes:
    """A table to join to images: `names` are the attribute columns, `titles` is None if no title column is configured."""

    names: tuple[str, ...]
    values: dict[str, list[str]]
    titles: list[str] | None
    skus: list[str] | None
    joins: list[str]
    exact: dict[str, int]
    tails: dict[str, int]

    def claims(self, keys: list[str]) -> list[tuple[int, int]]:
        """The row of each image (ABSENT if the table has none) and how it matched: BY_SKU, BY_KEY or BY_TAIL.

        A SKU may have many images. A row with a file name has one: the image with exactly that key, or the only image that matches its
        tail. An image that matches BY_TAIL is therefore ambiguous if another image matches the same row.
        """
        return [(ABSENT, BY_SKU) if row is None else (row, self._match(row, key)) for row, key in ((self.find(key), key) for key in keys)]

    def _match(self, row: int, key: str) -> int:
        name = self.joins[row]
        return BY_KEY if name == key else BY_TAIL if _same_file(name, key) else BY_SKU

    def find(self, key: str) -> int | None:
        """The row whose join value is the key, a tail of it, a path that ends in the key, the stem of the image, or one of its folders."""
        if key in self.tails:
            return self.tails[key]
        parts = key.split("/")
        stem = parts[-1].rpartition(".")[0] or parts[-1]
        for name in (*_tails(key), stem, *reversed(parts[:-1])):
            if name in self.exact:
                return self.exact[name]
        return None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the values of `of` in the manifest and the shards."""
        return (*(ATTRIBUTE_PREFIX + name for name in self.names), *(() if self.titles is None else (TITLE,)))

    def of(self, row: int) -> tuple[str, ...]:
        """The attribute values of a row, in the order of `names`, then the title if there are titles; missing values are empty."""
        return (*(self.values[name][row] for name in self.names), *(() if self.titles is None else (self.titles[row],)))


def load_attributes(config: IngestConfig) -> Attributes:
    """Read `config.table` and select its columns.

    Raises CatalogError for a table without the join column, a repeated join value, unknown or useless columns, columns of structs or lists,
    or titles that are all empty; StorageError if unreadable.
    """
    table = _read(config.table)
    join = _join_column(config, table.column_names)
    names = _attribute_columns(config, table, join)
    values = {name: _strings(config, table, name) for name in names}
    joins = [value.replace("\\", "/").removeprefix("./").lstrip("/") for value in _strings(config, table, join)]
    sku = next((name for name in table.column_names if name.lower() == "sku"), None)
    exact = {value: row for row, value in enumerate(joins) if value}
    if len(exact) < sum(map(bool, joins)):
        value, count = Counter(filter(None, joins)).most_common(1)[0]
        raise CatalogError(f"{config.table}: column {join!r} has duplicate {value!r} ({count} rows)", "Give every file or SKU one row")
    return Attributes(names, values, _titles(config, table), _strings(config, table, sku) if sku else None, joins, exact, _all_tails(joins))


def _read(url: str) -> pa.Table:
    store, key = open_object(url)
    data = store.get(key)
    try:
        if data.startswith(b"PAR1"):
            return pq.read_table(pa.BufferReader(data))
        head = data.partition(b"\n")[0]
        delimiter = "\t" if head.count(b"\t") > head.count(b",") else ","
        parse = pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
        names = pyarrow.csv.open_csv(pa.BufferReader(head + b"\n"), parse_options=parse).schema.names
        convert = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
        return pyarrow.csv.read_csv(pa.BufferReader(data), parse_options=parse, convert_options=convert)
    except pa.ArrowException as error:
        raise CatalogError(f"{url} is not a table: {error}", "Give a CSV with a header line, or a Parquet file") from error


def _join_column(config: IngestConfig, columns: list[str]) -> str:
    wanted = (config.join,) if config.join else JOIN_COLUMNS
    for name in wanted:
        for column in columns:
            if column == name or (not config.join and column.lower() == name):
                return column
    available = ", ".join(columns) or "none"
    raise CatalogError(
        f"{config.table} has no column {' or '.join(map(repr, wanted))}",
        f"Name the one that holds the file or the SKU with --join; it has: {available}",
    )


def _attribute_columns(config: IngestConfig, table: pa.Table, join: str) -> tuple[str, ...]:
    """The configured columns, or all that could be categories: text with 2 to max_values different values."""
    if config.attributes is None:
        others = [name for name in table.column_names if name not in (join, config.title) and name.lower() not in JOIN_COLUMNS]
        texts = [name for name in others if _is_text(table.column(name).type) and not _is_number(table.column(name))]
        chosen = tuple(name for name in texts if 2 <= _num_values(config, table, name) <= config.max_values)
        if not chosen:
            raise CatalogError(
                f"{config.table} has no useful column besides {join!r}: all are constant, not text or over {config.max_values} values",
                "Name columns with --attributes, or omit the table to use folders as categories",
            )
        return chosen
    for name in config.attributes:
        if name not in table.column_names:
            raise CatalogError(f"{config.table} has no column {name!r}", f"It has: {', '.join(table.column_names)}")
        count = _num_values(config, table, name)
        if count > config.max_values:
            raise CatalogError(
                f"{config.table}: column {name!r} has {count:,} values, max_values is {config.max_values}",
                "Omit it, or raise max_values",
            )
    return config.attributes


def _titles(config: IngestConfig, table: pa.Table) -> list[str] | None:
    if not config.title:
        return None
    if config.title not in table.column_names:
        raise CatalogError(f"{config.table} has no column {config.title!r}", f"It has: {', '.join(table.column_names)}")
    titles = _strings(config, table, config.title)
    if not any(titles):
        raise CatalogError(f"{config.table}: column {config.title!r} is empty in every row", "Name another column with --title, or omit it")
    return titles


def _num_values(config: IngestConfig, table: pa.Table, name: str) -> int:
    return len(set(_strings(config, table, name)))


def _is_text(kind: pa.DataType) -> bool:
    """Numbers and dates are not categories unless they are configured; structs, lists and bytes never are."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(column: pa.ChunkedArray) -> bool:
    """Whether all of a text column's values are numbers."""
    try:
        pc.cast(pc.if_else(pc.equal(pc.cast(column, pa.string()), ""), None, pc.cast(column, pa.string())), pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _strings(config: IngestConfig, table: pa.Table, name: str) -> list[str]:
    """A column as text, missing values empty. Raises CatalogError if its values are not text."""
    column = table.column(name)
    try:
        if not pa.types.is_nested(column.type):
            return [value.strip() if value else "" for value in pc.cast(column, pa.string()).to_pylist()]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # bytes that are not UTF-8
        pass
    raise CatalogError(
        f"{config.table}: column {name!r} holds {str(column.type).partition('<')[0]} values, which are not text",
        "Omit it, or write each part of it as a separate column",
    )


def _tails(path: str) -> Iterator[str]:
    """a/b/c -> a/b/c, b/c, c."""
    while path:
        yield path
        path = path.partition("/")[2]


def _same_file(first: str, second: str) -> bool:
    """Whether one path equals the other or is a tail of it."""
    return first == second or first.endswith(f"/{second}") or second.endswith(f"/{first}")


def _all_tails(joins: list[str]) -> dict[str, int]:
    """Tail of a join value -> row, for tails that only one row has."""
    rows: dict[str, int] = {}
    shared: set[str] = set()
    for row, value in enumerate(joins):
        for tail in _tails(value):
            if rows.setdefault(tail, row) != row:
                shared.add(tail)
    return {tail: row for tail, row in rows.items() if tail not in shared or joins[row] == tail}
