"""The verb `key`: makes an API key, shows it once, and writes its hash where `ganray serve --keys` finds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import yaml
from pydantic import ValidationError

from ganray.config.key import KeyConfig
from ganray.errors import ConfigError, ObjectExists, ObjectNotFound, StorageError
from ganray.serving.keys import PREFIX, KeyRow, hash_of, new_key, read_rows
from ganray.storage import Store, open_object


@dataclass(frozen=True)
class NewKey:
    """A key, which nothing but this object has, the row of its hash, and the file that the row was written to."""

    key: str = field(repr=False)
    row: str
    file: str


def key(config: KeyConfig) -> NewKey:
    """Make a key, and add its row to `config.file` where there is one.

    Raises ConfigError for a value that no row may have and for a file with errors, StorageError where it changes at the same moment.

    >>> made = ganray.key(ganray.KeyConfig(name="shop-a", scopes="generate", rate=20))
    >>> made.key[:3], len(made.key)
    ('gr_', 52)
    """
    made = new_key()
    row = _row_of(config, made)
    given = row.model_dump(mode="json", exclude_defaults=True) | {"scopes": list(row.scopes)}
    if row.until:
        given["until"] = row.until
    line = yaml.safe_dump(given, default_flow_style=True, sort_keys=False, width=10_000).strip()
    if config.file:
        _add(config.file, line, row)
    return NewKey(made, line, config.file)


def show(made: NewKey) -> str:
    """The key, and what to do with it."""
    place = f"added to {made.file}; running servers take it within seconds" if made.file else "for the list `keys:` of the file of --keys"
    return f"{made.key}\n\nThe key, shown this once: give it to its user. Its row, {place}:\n\n  - {made.row}"


def _row_of(config: KeyConfig, made: str) -> KeyRow:
    values = config.model_dump(exclude={"file"}) | {"hash": hash_of(made)}
    try:
        return KeyRow.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "burst"
        problem = first["msg"].removeprefix("Value error, ")
        value = getattr(config, name)
        shown = "" if str(value).startswith(PREFIX) else f" = {value!r}"  # a key in the wrong place is not to be seen in a log
        raise ConfigError(f"key: {name}{shown}: {problem}", "`ganray key --help` explains every option") from None


def _add(url: str, line: str, row: KeyRow) -> None:
    store, name = open_object(url)
    with _locked(store, name):
        text, etag = _read(store, name)
        known = read_rows(text, url)
        new = _with_row(text, line, known | {row.hash: row})
        if _etag(store, name) != etag:
            raise StorageError(f"{url} changed while the row was added to it", "Run the same command again")
        store.put(name, new.encode())


@contextmanager
def _locked(store: Store, name: str) -> Iterator[None]:
    """Keep other commands of this verb out. A lock is an object that is created conditionally, which every store can."""
    lock = f"{name}.lock"
    try:
        store.create(lock, b"")
    except ObjectExists:
        raise StorageError(
            f"{store.url_of(lock)} exists: another command adds a key, or one was killed", "Run it again; delete the lock if it stays"
        ) from None
    try:
        yield
    finally:
        store.delete(lock)


def _read(store: Store, name: str) -> tuple[str, str]:
    """Text and etag of the file; both empty where there is none yet."""
    etag = _etag(store, name)
    try:
        return (store.get(name).decode() if etag else ""), etag
    except UnicodeDecodeError:
        raise ConfigError(f"{store.url_of(name)}: not UTF-8", "Name a YAML file of keys") from None


def _etag(store: Store, name: str) -> str:
    try:
        return store.head(name).etag
    except ObjectNotFound:
        return ""


def _with_row(text: str, line: str, rows: dict[str, KeyRow]) -> str:
    """The text with one more row. Comments stay, where the list of keys is the end of the text and has a row a line."""
    head = f"{text.rstrip()}\n" if text.strip() else "keys:\n"
    for indent in ("  ", "", "    "):
        grown = f"{head}{indent}- {line}\n"
        try:
            if read_rows(grown, "") == rows:
                return grown
        except ConfigError:
            continue
    dumped = [row.model_dump(exclude_defaults=True) | {"scopes": list(row.scopes)} for row in rows.values()]
    return yaml.safe_dump({"keys": dumped}, sort_keys=False, width=10_000)
