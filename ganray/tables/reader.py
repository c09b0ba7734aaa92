"""Read a table row by row: CSV in any encoding and with any usual delimiter, or Parquet; memory does not grow with its rows."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ganray.tables.encoding import PARQUET, Problem, opened, text_lines
from ganray.tables.spelling import MISSING, column_name, spell_number, spell_time

Cell = Any  # str without blanks around it, not spelled yet; of nested or binary columns what pyarrow gives; None and "" are missing
Row = tuple[int, list[Cell]]  # number of the line or row, cells in the order of the columns
DELIMITERS = "\t;|,"  # commas last: they stand in texts, too
SAMPLE_LINES, SAMPLE_TEXT, SAMPLE_RECORDS = 200, 1 << 16, 50  # what tells the delimiter
CUT_QUOTE = 0.1  # weight of a delimiter that leaves a quote within a name of a column: it stands inside the quotes
BATCH = 4096  # rows of Parquet in memory
_HINT = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # first line by which Excel knows the delimiter


class Table:
    """Named columns, and rows that can be read once.

    Columns without a name are left out: the index of pandas, or a delimiter at the end of each line. `types` are Arrow's names of what the
    columns hold in the file ("string" in a CSV); `missing` counts the cells read so far that hold a word for "no value" such as N/A, by
    column.
    """

    def __init__(self, name: str, unit: str, fields: list[tuple[str, str]], rows: Iterator[Row], problem: Problem) -> None:
        """`unit` is what rows are counted in, `fields` are (column, type). Raises a `problem` for two columns of one name."""
        names = [column for column, _ in fields]
        twice = next((column for column, count in Counter(filter(None, names)).items() if count > 1), None)
        if twice is not None:
            places = " and ".join(str(place) for place, column in enumerate(names, 1) if column == twice)
            raise problem(f"{name}: column {twice!r} comes twice: columns {places}", "Rename or remove one of them")
        self.name, self.unit, self._rows = name, unit, rows
        self._kept = [place for place, column in enumerate(names) if column]
        self.columns = tuple(names[place] for place in self._kept)
        self.types = {column: kind for column, kind in fields if column}
        self.missing: Counter[str] = Counter()

    def place(self, number: int) -> str:
        """A row as messages name it, e.g. `products.csv line 7`."""
        return f"{self.name} {self.unit} {number}"

    def __iter__(self) -> Iterator[Row]:
        for place, cells in self._rows:
            row = [cells[column] for column in self._kept]
            for column, cell in enumerate(row):
                if cell.__class__ is str and cell in MISSING:
                    self.missing[self.columns[column]] += 1
            yield place, row


def is_text(kind: str) -> bool:
    """Whether a column of `Table.types` holds texts."""
    return kind in ("string", "large_string", "string_view")


def read_table(source: BinaryIO, name: str, problem: Problem) -> Table:
    """Open a table: Parquet by its first bytes, else text. `source` is closed when its rows have been read.

    Raises what `problem` makes of a message and a remedy, here and while rows are read, for what is no table; `name` is quoted.
    """
    file, head = opened(source, name, problem)
    if head.startswith(PARQUET):
        return _parquet(file, name, problem)
    if not head.strip():
        raise problem(f"{name} is not a table: it is empty", "Give a CSV with a header line, or a Parquet file")
    return _csv(text_lines(file, head, name, problem), name, problem)


def _csv(lines: Iterator[str], name: str, problem: Problem) -> Table:
    hint = _HINT.fullmatch(first := next(lines, ""))
    sample = list(_sample(lines if hint else chain([first], lines)))
    records = _records(_Lines(chain(sample, lines)), hint[1] if hint else delimiter_of(sample), (name, 1 if hint else 0), problem)
    columns = [column_name(cell) for cell in next(records, (0, list[str]()))[1]]
    if not any(columns):
        raise problem(f"{name} is not a table: its header is empty", "Give a CSV with a header line, or a Parquet file")
    rows = _cells(records, len(columns), name, problem)
    return Table(name, "line", [(column, "string") for column in columns], rows, problem)


class _Lines:
    """Lines, and the number of quotes in those that were taken since somebody looked."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.quotes, self._lines = 0, lines

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.quotes += line.count('"')
            yield line


def _records(lines: _Lines, delimiter: str, place: tuple[str, int], problem: Problem) -> Iterator[tuple[int, list[str]]]:
    """(last line, cells) of each record that is not blank; `place` is the name of the table and the lines before the header.

    Raises a `problem` for a quote that is not closed.
    """
    name, last = place
    remedy = "Close it, or double a quote that belongs to a text"
    reader, skipped, unclosed = csv.reader(lines, delimiter=delimiter, skipinitialspace=True), last, 0
    try:
        for record in reader:
            first, last = last + 1, reader.line_num + skipped
            unclosed = first if last > first and lines.quotes % 2 else 0
            lines.quotes = 0
            if any(cell and not cell.isspace() for cell in record):
                yield last, record
    except csv.Error as error:
        raise problem(f"{name} after line {last} is not a table: {error}. Perhaps a quote is not closed", remedy) from error
    if unclosed:
        raise problem(f"{name} line {unclosed}: a quote that opens here is not closed at the end of the file", remedy)


def _cells(records: Iterator[tuple[int, list[str]]], width: int, name: str, problem: Problem) -> Iterator[Row]:
    for line, record in records:
        if len(record) != width:
            if len(record) < width or any(map(str.strip, record[width:])):
                raise problem(
                    f"{name} line {line}: more or fewer cells than the header, {len(record)} and {width}: it is not a table",
                    "Quote cells that hold the delimiter",
                )
            del record[width:]
        yield line, [cell.strip() for cell in record]


def _sample(lines: Iterator[str]) -> Iterator[str]:
    length = 0
    for line in islice(lines, SAMPLE_LINES):
        yield line
        length += len(line)
        if length > SAMPLE_TEXT:
            return


def delimiter_of(lines: list[str]) -> str:
    """The delimiter of a table by its first lines: the one that gives the most columns, as often as rows have as many cells as the header.

    What stands in quotes does not count.
    """
    best, score = ",", 0.0
    for delimiter in DELIMITERS:
        try:
            records = list(islice(csv.reader(lines, delimiter=delimiter, skipinitialspace=True), SAMPLE_RECORDS))
        except csv.Error:
            continue
        records = [record for record in records if any(map(str.strip, record))]
        if not records or len(records[0]) < 2:
            continue
        header, rows = len(records[0]), records[1:-1] or records[1:]  # the last record of a sample may be cut
        fits = sum(len(record) == header for record in rows) / len(rows) if rows else 1.0
        cut = CUT_QUOTE if any('"' in cell for cell in records[0]) else 1.0
        if header * (0.1 + fits) * cut > score:
            best, score = delimiter, header * (0.1 + fits) * cut
    return best


def _parquet(file: BinaryIO, name: str, problem: Problem) -> Table:
    try:
        table = pq.ParquetFile(file)
        schema = table.schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        raise problem(f"{name}: not a readable parquet table: {error}", "Write it again") from error
    fields = [(column_name(field.name), _type_name(field.type)) for field in schema]
    return Table(name, "row", fields, _parquet_rows(file, table, name, problem), problem)


def _parquet_rows(file: BinaryIO, table: pq.ParquetFile, name: str, problem: Problem) -> Iterator[Row]:
    number = 0
    try:
        with file:
            for batch in table.iter_batches(batch_size=BATCH):
                for cells in zip(*(_texts(column) for column in batch.columns), strict=True):
                    number += 1
                    yield number, list(cells)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise problem(f"{name}: not a readable parquet table after row {number}: {error}", "Write it again") from error


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return str(kind).partition("<")[0].partition("[")[0]


def _texts(column: pa.Array) -> list[Cell]:
    """A column as texts; lists, structs and bytes that are no text as Python has them."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    spell = _spelling(column.type)
    if spell is None:
        return list(column.to_pylist())
    try:
        return [None if value is None else spell(value) for value in pc.cast(column, pa.string()).to_pylist()]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # bytes that are not UTF-8
        return list(column.to_pylist())


def _spelling(kind: pa.DataType) -> Callable[[str], str] | None:
    """How the text that pyarrow makes of a value is spelled; None for values that are no text."""
    if pa.types.is_nested(kind):
        return None
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return spell_number
    return spell_time if pa.types.is_temporal(kind) else str.strip
