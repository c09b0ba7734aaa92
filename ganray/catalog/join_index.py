"""Find the row of a table that an image belongs to: by its path, by the end of it, by its name or by one of its folders.

Names are compared in two forms (`images/names.py`): a literal one, and a loose one that ignores case and the ways in which exports and
uploads write a name. The index is of loose forms; where several rows have the same one, the literal form decides.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ganray.images.names import comparable, is_url, loose, stem_of

ABSENT = -1  # instead of a row
BY_SKU, BY_KEY, BY_TAIL, BY_FOLDER, CLASH = 0, 1, 2, 3, 4
MAX_ROWS = 4  # that are compared literally; a name that more rows have is that of none
URL_PARTS = 4  # of the path of a URL that are compared, from its end

_YEAR = re.compile(r"(?:19|20)\d\d(?:[-_.]\d\d?){0,2}")  # 2023, 2023-11, 2023-11-05
_DAY_OR_MONTH = re.compile(r"0?[1-9]|[12]\d|3[01]")
Rows = int | tuple[int, ...]


class Claim(NamedTuple):
    """The row of an image (ABSENT if there is none), how it matched, and the row that one of its folders names (ABSENT if none)."""

    row: int
    how: int
    folder: int = ABSENT


class JoinIndex:
    """The join column of a table; empty values belong to no image.

    A value matches a key that is equal to it, that ends in it, or that it ends in (if no other value does); the name of an image without
    suffix (a SKU); or a folder of the key that is no part of a date.
    """

    def __init__(self, values: Sequence[str]) -> None:
        self.values = [comparable(value) for value in values]
        self._forms: dict[str, Rows] = {}
        self._tails: dict[str, Rows] = {}
        for row, value in enumerate(self.values):
            if value:
                for form in _forms_of(value):
                    _add(self._forms, form, row)
                    ends = list(tails(form))[1:]
                    for tail in ends[-URL_PARTS:] if is_url(value) else ends:
                        _add(self._tails, tail, row)

    def __len__(self) -> int:
        return len(self.values)

    def find(self, key: str) -> Claim:
        """The claim of an image by its key."""
        name, form = comparable(key), loose(key)
        row = self._whole(name, form)
        if row != ABSENT:
            return Claim(row, BY_KEY if self.values[row] == name else BY_TAIL, self._folder(name, form))
        row = self._tail(name, form)
        if row != ABSENT:
            return Claim(row, BY_TAIL, self._folder(name, form))
        folder = self._folder(name, form)
        row = self._sku(name, form)
        if row == ABSENT:
            return Claim(folder, BY_FOLDER, folder)
        if folder not in (ABSENT, row) and self.values[row].isdigit() and self.values[folder].isdigit():
            return Claim(ABSENT, CLASH)  # 11/2.jpg: a second photo of 11, or the photo of 2?
        return Claim(row, BY_SKU, folder)

    def _whole(self, name: str, form: str) -> int:
        return self._pick(self._forms.get(form), name)

    def _tail(self, name: str, form: str) -> int:
        """The row whose value ends in the key, or the one with the longest value that the key ends in."""
        row = self._pick(self._tails.get(form), name, tail=True)
        if row != ABSENT:
            return row
        names = list(tails(name))
        for tail in list(tails(form))[1:]:
            count = tail.count("/") + 1
            literal = names[-count] if count <= len(names) else name
            row = self._pick(self._forms.get(tail), literal)
            if row == ABSENT and (found := self._tails.get(tail)) is not None:
                row = self._pick(found, literal, tail=True)
                row = row if row != ABSENT and is_url(self.values[row]) else ABSENT
            if row != ABSENT:
                return row
        return ABSENT

    def _sku(self, name: str, form: str) -> int:
        literal, last = name.rpartition("/")[2], form.rpartition("/")[2]
        for stem, written in ((last.rpartition(".")[0] or last, literal.rpartition(".")[0] or literal), (stem_of(last), stem_of(literal))):
            row = self._pick(self._forms.get(stem), written)
            if row != ABSENT:
                return row
        return ABSENT

    def _folder(self, name: str, form: str) -> int:
        """The row that the innermost folder names."""
        if "/" not in form:
            return ABSENT
        written = name.split("/")
        for place, folder in sku_folders(form.split("/")[:-1]):
            row = self._pick(self._forms.get(folder), written[place] if place < len(written) else folder)
            if row != ABSENT:
                return row
        return ABSENT

    def _pick(self, rows: Rows | None, name: str, tail: bool = False) -> int:
        """The only row; of several the one that has the name literally; ABSENT if that does not decide."""
        if rows is None or isinstance(rows, int):
            return ABSENT if rows is None else rows
        same = [row for row in rows if self.values[row] == name or (tail and self.values[row].endswith(f"/{name}"))]
        return same[0] if len(same) == 1 and len(rows) <= MAX_ROWS else ABSENT


def same_names(values: Sequence[str]) -> list[list[int]]:
    """The rows of each name that several rows have: equal paths, or URLs of one file that differ in its version."""
    names = [comparable(value) for value in values]
    names = [loose(name) if "?" in name or is_url(name) else name for name in names]
    counts = Counter(filter(None, names))
    rows: dict[str, list[int]] = {name: [] for name, count in counts.items() if count > 1}
    for row, name in enumerate(names) if rows else ():
        if name in rows:
            rows[name].append(row)
    return list(rows.values())


def _forms_of(value: str) -> Iterator[str]:
    yield loose(value)
    if "+" in value and is_url(value):  # a blank in some exports
        yield loose(value.replace("+", " "))


def sku_folders(folders: list[str]) -> Iterator[tuple[int, str]]:
    """(place, name) of the folders that may be SKUs, innermost first: a date is none (2023/11, 2023/11/05, 05/11/2023, 2023-11/05)."""
    dates: set[int] = set()
    for place, folder in enumerate(folders):
        if _YEAR.fullmatch(folder):
            near = {place} if not folder.isdigit() else set()
            for step in (-1, 1):
                for other in (place + step, place + 2 * step):
                    if not 0 <= other < len(folders) or not _DAY_OR_MONTH.fullmatch(folders[other]):
                        break
                    near |= {place, other}
            dates |= near
    for place in range(len(folders) - 1, -1, -1):
        if place not in dates:
            yield place, folders[place]


def tails(path: str) -> Iterator[str]:
    """a/b/c -> a/b/c, b/c, c."""
    while path:
        yield path
        path = path.partition("/")[2]


def _add(rows: dict[str, Rows], form: str, row: int) -> None:
    """Add a row to those of a form, MAX_ROWS + 1 at most."""
    known = rows.setdefault(form, row)
    if isinstance(known, int):
        if known != row:
            rows[form] = (known, row)
    elif row not in known and len(known) <= MAX_ROWS:
        rows[form] = (*known, row)
