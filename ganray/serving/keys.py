"""API keys: who may ask for what. Files and memory have their hashes alone.

A key is 32 random bytes, so one SHA-256 suffices: to invert it is as hard as to guess the key. Slow hashes (bcrypt, argon2) are for
passwords that people choose; here they would add no strength, and 0.1 s of a core to each request. A key is found by its hash in a
dictionary. How long that takes depends on bits of the hash, which nobody can steer without knowing a key, so it needs no constant-time
comparison.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import threading
import weakref
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ganray.errors import ConfigError, GanrayError
from ganray.serving.context import Caller, Scope
from ganray.storage import open_object

PREFIX = "gr_"  # by which scanners of leaked secrets find them
VARIABLE = "GANRAY_API_KEYS"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH, CHECK = 43, 6  # characters of 32 bytes, and of the checksum behind them
EVERY_S = 5.0  # between looks at the file
MAX_BYTES = 16 << 20  # of the file: 60,000 keys
REMEDY = "`ganray key` makes keys and their rows"
DEFAULT_SCOPES: tuple[Scope, ...] = ("generate", "edit", "check", "models")
_FORM = re.compile(rf"{PREFIX}[{ALPHABET}]{{{LENGTH + CHECK}}}")
_PLAIN = re.compile(r"[A-Za-z_]{1,20}")  # a name that an error may quote: no key, no hash
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_Amount = Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)]


class KeyRow(BaseModel):
    """One key of the file: its hash, whose it is, and what it may do. Two rows may have one name while a key is replaced by another."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    hash: str = Field(repr=False)  # SHA-256 of the key, in hex
    tenant: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")] = ""
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)] = DEFAULT_SCOPES
    rate: _Amount | None = None  # images a second; None: no limit
    burst: Annotated[float, Field(ge=1, strict=True, allow_inf_nan=False)] | None = None  # images at once; None: ten seconds of the rate
    daily: Annotated[int, Field(ge=1, strict=True)] | None = None  # images a day (UTC)
    weight: Annotated[float, Field(gt=0, le=100, strict=True)] = 1.0  # its share where keys compete
    until: date | None = None  # the last day of the key (UTC)

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        """Names are written to logs, so a key must not be taken for one."""
        if not _NAME.fullmatch(value):
            raise ValueError("must be 1 to 64 letters, digits, dots, dashes and underscores")
        if value.startswith(PREFIX):
            raise ValueError(f"begins with {PREFIX}, as keys do: it would be seen in logs")
        return value

    @field_validator("hash")
    @classmethod
    def _check_hash(cls, value: str) -> str:
        if value.startswith(PREFIX):
            raise ValueError("is a key, not its hash: make another key, as this one lies in a file")
        if not re.fullmatch(r"[0-9a-f]{64}", value):
            raise ValueError("must be 64 hex digits in lower case")
        return value

    @model_validator(mode="after")
    def _check_burst(self) -> Self:
        if self.burst is not None and self.rate is None:
            raise ValueError("burst needs a rate beside it")
        return self

    @cached_property
    def caller(self) -> Caller:
        """Who sends a request with this key."""
        return Caller(self.name, self.tenant, frozenset(self.scopes), self.weight)


class KeyFile(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: tuple[KeyRow, ...] = ()

    @field_validator("keys", mode="before")
    @classmethod
    def _read_empty(cls, value: Any) -> Any:
        """A list of which no row is left is nothing in YAML."""
        return () if value is None else value


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C loader reads 5,000 rows in a tenth of the time
    """YAML in which no mapping has a key twice: a second `keys:` would take the place of the first without a word."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """As SafeLoader. Raises ValueError."""
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            raise ValueError(f"line {node.start_mark.line + 1}: a mapping has a key twice")
        return mapping


def new_key() -> str:
    """A new key: `gr_`, 32 random bytes and a checksum, in letters and digits."""
    body = _digits(int.from_bytes(secrets.token_bytes(32)), LENGTH)
    return PREFIX + body + _checksum(body)


def hash_of(key: str) -> str:
    """What the file has of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def is_key(text: str) -> bool:
    """Whether a text has the form of a key and the right checksum; a key that was mistyped or cut has not."""
    return bool(_FORM.fullmatch(text)) and _checksum(text[len(PREFIX) : -CHECK]) == text[-CHECK:]


def read_rows(text: str, place: str) -> dict[str, KeyRow]:
    """The rows of a file's text by their hashes.

    Raises ConfigError that names the row. No error quotes a value: it may be a key that was put into the wrong field.
    """
    try:
        read = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigError(f"{place}: not valid YAML{f', line {mark.line + 1}' if mark else ''}", REMEDY) from None
    except (ValueError, RecursionError) as error:  # no such date, a key twice, brackets by the thousand
        raise ConfigError(f"{place}: not valid YAML ({error})", REMEDY) from None
    try:
        table = KeyFile.model_validate({} if read is None else read)
    except ValidationError as error:
        raise _explained(place, read, error) from None
    rows = {row.hash: row for row in table.keys}
    if len(rows) < len(table.keys):
        names = [row.name for row in table.keys if rows[row.hash] is not row]
        raise ConfigError(f"{place}: row {names[0]}: its hash is that of another row, too", "Give each key one row")
    return rows


class KeyRing:
    """The known keys: those of a file, which is read again when it changes, or without one those of the environment.

    While a file that has changed cannot be read or has errors, the keys stay as they are, and the log says so once.
    """

    def __init__(
        self, url: str, environment: Mapping[str, str] = os.environ, today: Callable[[], date] = lambda: datetime.now(UTC).date()
    ) -> None:
        """Raises ConfigError, StorageError. Without a file and a variable there are no keys."""
        self._url, self._today = url, today
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._version, self._logged = "", ""
        self._watcher: threading.Thread | None = None
        text = "" if url else environment.get(VARIABLE, "")
        self._required = bool(url or text.strip())
        self._rows = self._read() if url else read_rows(text, f"${VARIABLE}")

    def __bool__(self) -> bool:
        """Whether keys are required: an empty file means that nobody is let in."""
        return self._required

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, key: str) -> KeyRow | None:
        """The row of a key, or None where it is not known or no longer valid."""
        row = self._rows.get(hash_of(key)) if is_key(key) else None
        return None if row is None or (row.until is not None and row.until < self._today()) else row

    def watch(self, seconds: float = EVERY_S) -> None:
        """Look at the file every few seconds from now on, in a thread that ends with this object.

        Not when a request comes: the first request after a quiet night would be judged by keys of the evening.
        """
        if self._url and self._watcher is None:
            self._watcher = threading.Thread(target=_watch, args=(weakref.ref(self), self._ended, seconds), name="keys", daemon=True)
            self._watcher.start()

    def close(self) -> None:
        """Look no more."""
        self._ended.set()
        if self._watcher is not None:
            self._watcher.join(10)

    def refresh(self) -> None:
        """Read the file if it has changed. It may take seconds; `find` goes on meanwhile."""
        with self._lock:
            try:
                self._rows = self._read()
                self._logged = ""
            except GanrayError as error:
                if str(error) != self._logged:
                    self._logged = str(error)
                    logging.getLogger(__name__).error("the API keys stay as they are: %s", error)

    def _read(self) -> dict[str, KeyRow]:
        store, key = open_object(self._url)
        info = store.head(key)  # before the content: an older version for newer content is read again, the other way round never
        if info.etag == self._version:
            return self._rows
        if info.size > MAX_BYTES:
            raise ConfigError(f"{self._url}: a file of keys has at most {MAX_BYTES >> 20} MiB", REMEDY)
        try:
            text = store.get(key).decode()
        except UnicodeDecodeError:
            raise ConfigError(f"{self._url}: not UTF-8", REMEDY) from None
        rows = read_rows(text, self._url)
        self._version = info.etag
        return rows


def _watch(ring: weakref.ref[KeyRing], ended: threading.Event, seconds: float) -> None:
    while not ended.wait(seconds):
        here = ring()
        if here is None:
            return
        try:
            here.refresh()
        except Exception:  # a store's client may raise what nobody foresaw; the next look may succeed
            logging.getLogger(__name__).exception("the API keys stay as they are")
        del here


def _explained(place: str, read: Any, error: ValidationError) -> ConfigError:
    """The first problem as one line, without any value but the name of the row."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = list(first["loc"])
    row = ""
    if len(where) > 1 and where[0] == "keys" and isinstance(where[1], int):
        given = read["keys"][where[1]]
        name = given.get("name") if isinstance(given, dict) else None
        known = isinstance(name, str) and _NAME.fullmatch(name) and not name.startswith(PREFIX)
        row = f"row {where[1] + 1}{f' ({name})' if known else ''}: "
        where = where[2:]
    field = ".".join(str(part) if isinstance(part, int) or _PLAIN.fullmatch(part) else "..." for part in where)
    problem = "no such field" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return ConfigError(f"{place}: {row}{f'{field}: ' if field else ''}{problem}{more}", REMEDY)


def _checksum(body: str) -> str:
    return _digits(zlib.crc32(body.encode()), CHECK)


def _digits(number: int, length: int) -> str:
    """A number in base 62, with leading zeros."""
    digits = ""
    while len(digits) < length:
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
