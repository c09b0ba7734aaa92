"""Tables of requests: JSONL, CSV and Parquet files read row by row into the bodies of `requests.py`.

A table of products that ingest has read is one of requests, too: its SKU is the id, its file the photo to edit, and of its columns those
count that the model knows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, BinaryIO, cast, overload

from pydantic import BaseModel, ValidationError

from ganray.errors import RequestError
from ganray.requests import MAX_TEXT, EditRequest, GenerateRequest, R, explain
from ganray.tables.encoding import opened, text_lines
from ganray.tables.reader import Table, read_table
from ganray.tables.spelling import fold, spell, spell_id, spell_value

SUFFIXES = ("jsonl", "csv", "tsv", "txt", "parquet")
ID_COLUMNS = ("id", "sku", "file", "filename", "path")  # in any case; those of ingest
IMAGE_COLUMNS = ("image", "file", "filename", "path")
NUMBERED = ("id", "seed", "count", "quality", "side")  # whole numbers, also where pandas made them floats
VERBATIM = ("image", "edits", "pictures")  # keys and JSON: not spelled
CLOSE = 0.75  # of 1: a column whose name is so like that of an attribute is a slip of the pen
SHOWN = 8  # columns in a message


@dataclass
class Columns:
    """What the columns of a table may be beside fields of a request, and what was made of them when it was read.

    `attributes` are those of the model (None: any column is one), `titles` is whether it reads titles. `unused` are the columns that the
    model does not know, `long` those with values that are too long for an attribute; `missing` counts the cells with a word for "no value"
    such as N/A, by column.
    """

    attributes: Sequence[str] | None = None
    titles: bool = True
    unused: list[str] = field(default_factory=list)
    long: list[str] = field(default_factory=list)
    missing: Counter[str] = field(default_factory=Counter)

    def notes(self) -> list[str]:
        """What the owner of the table should know, a line each."""
        missing = [f"{name} {num:,}" for name, num in self.missing.most_common()]
        lines = (
            ("columns that the model does not know, which are not used", self.unused),
            (f"columns with values of over {MAX_TEXT} characters, which are left out", self.long),
            ("cells with a word for no value (N/A), which are read as empty", missing),
        )
        return [f"{what}: {', '.join(names[:SHOWN])}" + (", ..." if len(names) > SHOWN else "") for what, names in lines if names]


@overload
def read_requests(source: BinaryIO, name: str, format: str = "png", *, columns: Columns | None = None) -> Iterator[GenerateRequest]: ...
@overload
def read_requests(source: BinaryIO, name: str, format: str = "png", *, kind: type[R], columns: Columns | None = None) -> Iterator[R]: ...
def read_requests(
    source: BinaryIO, name: str, format: str = "png", *, kind: type[Any] = GenerateRequest, columns: Columns | None = None
) -> Iterator[Any]:
    """Stream the requests of a table: JSONL of bodies, or CSV or Parquet, where a column that is not a field is an attribute.

    The suffix of `name` (before .gz) tells JSONL from tables; errors quote it. `format` is the default of the requests, `kind` their class;
    `columns` says what is known of the columns, and is told what became of them. `source` is closed at the end. Raises RequestError with
    the line.
    """
    suffix = name.lower().removesuffix(".gz").rpartition(".")[2]
    if suffix not in SUFFIXES:
        raise RequestError(f"{name}: requests are read from {', '.join(SUFFIXES)} files", "Rename or convert the table")
    if suffix == "jsonl":
        for place, body in _bodies(source, name):
            yield _parse(body, place, format, kind)
        return
    table = read_table(source, name, RequestError)
    if suffix == "parquet" and table.unit != "row":
        raise RequestError(f"{name}: not a readable parquet table", "Rename it if it is a CSV, or write it again")
    use = _Use(table, kind, columns or Columns())
    for number, cells in table:
        row = use.row(cells, place := table.place(number))
        if row:
            yield _parse(row, place, format, kind)
    use.finish()


def _parse(row: object, place: str, format: str, kind: type[R]) -> R:
    try:
        request = cast(R, kind.model_validate({"format": format, **row} if isinstance(row, dict) else row))
    except ValidationError as error:
        raise RequestError(
            f"{place}: {explain(cast(list[Any], error.errors()), kind)}", "Correct the row, then run the same command again"
        ) from error
    if not request.id:
        raise RequestError(f"{place}: the request has no id", "Give every row its own id, e.g. the SKU")
    return request


def _bodies(source: BinaryIO, name: str) -> Iterator[tuple[str, Any]]:
    file, head = opened(source, name, RequestError)
    for number, line in enumerate(text_lines(file, head, name, RequestError), 1):
        if line.strip():
            try:
                body = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise RequestError(f"{name} line {number}: not JSON: {error}", "Write one JSON object a line") from error
            yield f"{name} line {number}", body


class _Use:
    """What each column of a table is: fields of the request, an attribute, or nothing."""

    def __init__(self, table: Table, kind: type[BaseModel], columns: Columns) -> None:
        self._table, self._kind, self._columns = table, kind, columns
        self._fields = _fields(table, kind, columns)
        self._attributes = [None if names else _attribute(columns, name) for name, names in zip(table.columns, self._fields, strict=True)]
        columns.unused[:], columns.long[:] = self._unknown(), []
        columns.missing.clear()

    def _unknown(self) -> list[str]:
        """The columns that are nothing. Raises RequestError where one seems to be a misspelled attribute, or none of them is one."""
        columns = zip(self._table.columns, self._fields, self._attributes, strict=True)
        unknown = [column for column, names, attribute in columns if not names and attribute is None]
        used = [attribute for attribute in self._attributes if attribute is not None]
        open_names = {fold(name): name for name in self._columns.attributes or () if name not in used}
        for column in unknown:
            if close := get_close_matches(fold(column), open_names, 1, CLOSE):
                raise self._wrong(f"attribute {column!r} is unknown", f"Is it {open_names[close[0]]}? Rename or remove the column")
        telling = [column for column in unknown if column.lower() not in (*ID_COLUMNS, "title")]
        if telling and not used:
            known = ", ".join((self._columns.attributes or ())[:SHOWN]) or "no attributes"
            raise self._wrong(f"attribute {telling[0]!r} is unknown", f"The model knows {known}")
        for name, num in Counter(used).items():
            if num > 1:
                raise self._wrong(f"{num} columns are the attribute {name!r}", "Rename or remove one of them")
        return unknown

    def _wrong(self, message: str, remedy: str) -> RequestError:
        return RequestError(f"{self._table.name}: {message}", remedy)

    def row(self, cells: list[Any], place: str) -> dict[str, Any]:
        """A body; empty for a row without any cell. Empty cells are omitted."""
        fields: dict[str, Any] = {}
        attributes: dict[str, Any] = {}
        for column, cell in enumerate(cells):
            if cell is None or cell == "":
                continue
            fields |= {name: value for name in self._fields[column] if (value := _spelled(cell, name)) != ""}
            name = self._attributes[column]
            if name is not None and (value := spell(cell) if isinstance(cell, str) else cell) != "":
                attributes[name] = value
        if issubclass(self._kind, EditRequest):
            self._shorten(attributes)
        return self._with_entries(fields, attributes, place) if fields or attributes else {}

    def _shorten(self, attributes: dict[str, Any]) -> None:
        """Leave out what is too long for an attribute: a description, which no edit needs."""
        for name in [name for name, value in attributes.items() if isinstance(value, str) and max(len(value), len(name)) > MAX_TEXT]:
            del attributes[name]
            if name not in self._columns.long:
                self._columns.long.append(name)

    @staticmethod
    def _with_entries(fields: dict[str, Any], attributes: dict[str, Any], place: str) -> dict[str, Any]:
        """The body, with the entries of a column `attributes` beside those of other columns."""
        entries = fields.get("attributes", {})
        if isinstance(entries, dict):  # a struct
            entries = list(entries.items())
        if not isinstance(entries, list) or not all(isinstance(entry, tuple) for entry in entries):
            return fields  # neither a struct nor a map: validation refuses it
        merged = dict[str, Any]()
        for name, value in (*((name, spell_value(value)) for name, value in entries), *attributes.items()):
            if value is None or value == "":
                continue
            if name in merged:
                raise RequestError(f"{place}: duplicate attribute {name!r}", "Keep one column, or one entry of the map, for each attribute")
            merged[name] = value
        return {**fields, "attributes": merged}

    def finish(self) -> None:
        """Count the cells that were read as empty, once all rows are read."""
        used = (
            name for name, names, attribute in zip(self._table.columns, self._fields, self._attributes, strict=True) if names or attribute
        )
        self._columns.missing.update({name: self._table.missing[name] for name in used if self._table.missing[name]})


def _fields(table: Table, kind: type[BaseModel], columns: Columns) -> list[tuple[str, ...]]:
    """The fields of the request that each column is, by name; the id is the SKU or the file, and the photo the file, if nothing else is."""
    taken = {name for name in columns.attributes or () if name != "id"} | (set() if columns.titles else {"title"})
    fields = {column: (column,) if column in kind.model_fields and column not in taken else () for column in table.columns}
    lower = {column.lower(): column for column in reversed(table.columns)}
    for field_name, names in (("image", IMAGE_COLUMNS), ("id", ID_COLUMNS)):
        column = next((lower[name] for name in names if name in lower), None)
        if field_name in kind.model_fields and column is not None and (field_name,) not in fields.values():
            fields[column] = (*fields[column], field_name)
    return list(fields.values())


def _attribute(columns: Columns, column: str) -> str | None:
    """The attribute that a column is: that of its name, or the only one whose name differs by case."""
    if columns.attributes is None or column in columns.attributes:
        return column
    alike = [name for name in columns.attributes if fold(name) == fold(column)]
    return alike[0] if len(alike) == 1 else None


def _spelled(cell: Any, name: str) -> Any:
    """A cell as a value of a field; lists, structs and bytes unchanged."""
    if not isinstance(cell, str):
        return cell
    return spell_id(cell) if name in NUMBERED else cell if name in VERBATIM else spell(cell)
