"""One spelling of the cells of a table, whatever file they come from: what ingest learned is understood when it is asked for.

A text is in composed Unicode (NFC), without blanks around it and without control characters. Numbers that pandas made floats because a
cell of the column is empty are integers again; a date has no time of midnight; what spreadsheets and pandas write for "no value" is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, time
from decimal import Decimal, InvalidOperation
from unicodedata import is_normalized, normalize

# Not NA, None and -: they are values, too (North America, a pattern that is called none, a size).
MISSING = frozenset(("#N/A", "#N/A N/A", "#NA", "N/A", "n/a", "NaN", "nan", "-nan", "-NaN", "NaT", "NULL", "null", "<NA>"))
MAX_TEXT = 200  # characters of a value: longer ones cannot be requested
TRUTH = {"true": "true", "false": "false"}

_INVISIBLE = "\ufeff\u200b"  # byte order mark and zero-width space
_CONTROLS = re.compile(r"\s*[\x00-\x1f\x7f\x85\u2028\u2029\ufffe\uffff]+\s*")  # what a value and the XML of a label cannot hold
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)[ T]00:00(?::00(?:\.0+)?)?")
_SECONDS = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)\.0+")
_WHOLE = re.compile(r"(-?\d+)\.0")
_LONG_WHOLE = re.compile(r"(\d{8,})\.0")  # no version is that long, an EAN is
_SHORT_FORM = re.compile(r"-?\d(?:[.,](\d+))?[eE]\+?(\d+)")
MAX_DIGITS = 30  # of a number that is written out
SHOWN_DIGITS = 5  # digits behind the point that a spreadsheet shows of a long number: the others are lost


def spell(text: str) -> str:
    """A cell of text; empty if it says that there is no value."""
    text = trimmed(text)
    return "" if text in MISSING else _MIDNIGHT.sub(r"\1", text) if _MIDNIGHT.fullmatch(text) else _whole(text, _LONG_WHOLE)


def trimmed(text: str) -> str:
    """A text in NFC, without blanks around it, control characters as blanks."""
    text = text.strip().strip(_INVISIBLE).strip()
    if text.isascii() and text.isprintable():
        return text
    text = _CONTROLS.sub(" ", text).strip()
    return text if is_normalized("NFC", text) else normalize("NFC", text)


def spell_id(text: str) -> str:
    """A cell that names a product or a file: whole numbers that became floats are integers again, 4.006381333931e+12 too."""
    text = spell(text)
    return _whole(expanded(text), _WHOLE)


def expanded(text: str) -> str:
    """A whole number in short form (4.006381333931e+12) with all its digits; other texts, and those with lost digits, as they are."""
    match = _SHORT_FORM.fullmatch(text)
    if match is None or len(match[1] or "") <= SHOWN_DIGITS:
        return text
    try:
        number = Decimal(text.replace(",", "."))
    except InvalidOperation:
        return text
    return str(int(number)) if number.adjusted() < MAX_DIGITS and number == int(number) else text


def lost_digits(text: str) -> bool:
    """Whether a cell is a long number of which a spreadsheet has kept six digits: 4.00638E+12."""
    match = _SHORT_FORM.fullmatch(text)
    return match is not None and len(match[1] or "") <= SHOWN_DIGITS and int(match[2]) > SHOWN_DIGITS


def spell_number(text: str) -> str:
    """A floating-point number as pyarrow writes it: whole ones as integers, NaN empty."""
    if text in ("nan", "-nan"):
        return ""
    try:
        number = Decimal(text)
        return str(int(number)) if number.adjusted() < MAX_DIGITS and number == int(number) else text
    except (InvalidOperation, OverflowError, ValueError):  # infinite
        return text


def spell_time(text: str) -> str:
    """A time as pyarrow writes it: without a fraction of zeros, and without midnight."""
    return _SECONDS.sub(r"\1", _MIDNIGHT.sub(r"\1", text) if _MIDNIGHT.fullmatch(text) else text)


def spell_value(value: object) -> object:
    """A value of a struct, list or map as text, as its column would have it; nested ones and bytes as they are."""
    if value is None or isinstance(value, (dict, list, tuple, bytes)):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (float, Decimal)):
        return spell_number(str(value))
    return spell_time(str(value)) if isinstance(value, (date, time)) else spell(str(value))


def spell_values(values: Iterable[str]) -> dict[str, str]:
    """The values of a whole column -> their spelling: if all are integers with .0 or all are true or false, as typed columns have them."""
    values = list(values)
    known = [value for value in values if value]
    if known and all(value.casefold() in TRUTH for value in known):
        return {value: value.casefold() for value in values}
    if known and all(_WHOLE.fullmatch(value) for value in known):
        return {value: _whole(value, _WHOLE) for value in values}
    return {value: value for value in values}


def fold(text: str) -> str:
    """A text for comparing: equal for spellings of one value that differ by case, Unicode form, a time of midnight or a .0."""
    text = normalize("NFC", trimmed(text).casefold())
    if _MIDNIGHT.fullmatch(text.upper()):
        return _MIDNIGHT.sub(r"\1", text.upper())
    return _whole(text, _WHOLE)


def column_name(text: str) -> str:
    """The name of a column: a line break in a header is a blank."""
    return " ".join(trimmed(text).split())


def _whole(text: str, pattern: re.Pattern[str]) -> str:
    match = pattern.fullmatch(text)
    return match[1] if match else text
