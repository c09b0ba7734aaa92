"""Tables of requests: JSONL, CSV and Parquet files read row by row into the bodies of `requests.py`."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from io import TextIOWrapper
from typing import Any, BinaryIO, cast, overload

from pydantic import BaseModel, ValidationError

from ganray.errors import RequestError
from ganray.requests import GenerateRequest, R, explain


@overload
def read_requests(source: BinaryIO, name: str, format: str = "png") -> Iterator[GenerateRequest]: ...
@overload
def read_requests(source: BinaryIO, name: str, format: str = "png", *, kind: type[R]) -> Iterator[R]: ...
def read_requests(source: BinaryIO, name: str, format: str = "png", *, kind: type[Any] = GenerateRequest) -> Iterator[Any]:
    """Stream the requests of a table: JSONL of bodies, or CSV or Parquet, where a column that is not a field is an attribute.

    The suffix of `name` selects the reader; errors quote it. `format` is the default of the requests, `kind` their class; `source` is
    closed at the end. Raises RequestError with the line.
    """
    suffix = name.rpartition(".")[2].lower()
    if suffix not in READERS:
        raise RequestError(f"{name}: requests are read from {', '.join(READERS)} files", "Rename or convert the table")
    try:
        for place, row in READERS[suffix](source, name):
            yield _parse(row if suffix == "jsonl" else _from_columns(row, place, kind), place, format, kind)
    except (UnicodeDecodeError, csv.Error, OSError, ValueError) as error:  # pyarrow's errors are ValueErrors and OSErrors
        raise RequestError(f"{name}: not a readable {suffix} table: {error}", "Write it again as UTF-8 text, or as Parquet") from error


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


def _jsonl(source: BinaryIO, name: str) -> Iterator[tuple[str, Any]]:
    with TextIOWrapper(source, "utf-8-sig") as text:
        for number, line in enumerate(text, 1):
            if line.strip():
                try:
                    body = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise RequestError(f"{name} line {number}: not JSON: {error}", "Write one JSON object a line") from error
                yield f"{name} line {number}", body


def _csv(source: BinaryIO, name: str) -> Iterator[tuple[str, Any]]:
    with TextIOWrapper(source, "utf-8-sig", newline="") as text:
        reader = csv.DictReader(text)
        for row in reader:
            if None in row or None in row.values():
                raise RequestError(f"{name} line {reader.line_num}: more or fewer cells than the header", "Quote cells that hold commas")
            yield f"{name} line {reader.line_num}", row


def _parquet(source: BinaryIO, name: str) -> Iterator[tuple[str, Any]]:
    import pyarrow.parquet as pq

    number = 0
    for batch in pq.ParquetFile(source).iter_batches(batch_size=4096):
        for row in batch.to_pylist():
            number += 1
            yield f"{name} row {number}", row


def _from_columns(row: Mapping[str, Any], place: str, kind: type[BaseModel]) -> dict[str, Any]:
    """A flat row as a body: empty cells are omitted; columns that are not fields are attributes, like the entries of `attributes`."""
    cells = {name: value for name, value in row.items() if value is not None and value != ""}
    fields = {name: cells.pop(name) for name in list(cells) if name in kind.model_fields}
    fields |= {name: str(fields[name]) for name in ("id", "title") if name in fields}
    entries = fields.get("attributes", {})
    if isinstance(entries, dict):  # a struct
        entries = list(entries.items())
    if not isinstance(entries, list) or not all(isinstance(entry, tuple) for entry in entries):
        return fields  # neither a struct nor a map: validation refuses it
    pairs = [(name, value) for name, value in (*entries, *cells.items()) if value is not None]
    attributes = {name: _as_text(value) for name, value in pairs}
    if len(attributes) < len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in attributes if names.count(name) > 1)
        raise RequestError(f"{place}: duplicate attribute {duplicate!r}", "Keep one column, or one entry of the map, for each attribute")
    return {**fields, "attributes": attributes}


def _as_text(value: object) -> object:
    """Numbers, dates and booleans as text; lists, dictionaries and bytes unchanged: validation refuses them."""
    return value if isinstance(value, (dict, list, bytes)) else str(value)


READERS: dict[str, Callable[[BinaryIO, str], Iterator[tuple[str, Any]]]] = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}
