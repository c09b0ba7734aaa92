"""Quarantine: the records that could not be used, each with a reason code, a message, and a command that retries it.

`python -m ganray.catalog.quarantine URL RECIPE` is that command: the recipe is JSON with the same limits. With the URL of a catalog, and
optionally `--reason corrupt`, it retries all its photos and reports how many are fine now. Nothing is written: `ganray ingest` with the
same options accepts the fine ones, because it retries photos that were replaced, transient failures, and photos that another version of
the decoder refused.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict
from itertools import groupby, islice

import pyarrow as pa
import pyarrow.parquet as pq

from ganray.catalog.cleaning import Recipe, sandbox
from ganray.catalog.schema import CATALOG_KEY
from ganray.catalog.shard_paths import is_part
from ganray.errors import CatalogError, ConfigError, GanrayError, ImageError, InvalidKey
from ganray.storage import Store, open_object, open_store

REASONS = {
    "empty": "the file has no bytes",
    "too_many_bytes": "larger than max_bytes",
    "too_many_pixels": "more pixels than max_pixels, or a side over 16,000 (more with a larger max_pixels)",
    "animated": "more frames than max_frames",
    "unknown_format": "the format of the bytes is not on the allow-list, whatever the name says",
    "truncated": "the file ends in the middle of the image",
    "corrupt": "the data is broken",
    "unsupported_mode": "pixels that cannot be converted to sRGB (32-bit, floating point)",
    "too_much_memory": "decoding needs more memory than the limit per image",
    "timeout": "decoding took longer than the limit per image",
    "crashed": "the decoder's process died; the image may be hostile",
    "unreadable": "the object was deleted after it was listed, or the store refuses it but not others",
    "invalid_key": "the key is not valid in every store: rename the object",
    "not_in_table": "no row of the attributes table belongs to the image",
    "ambiguous": "a row of the attributes table has a file name that several images have: use the path",
    "no_category": "the image is not in a folder, but others are",
    "duplicate": "another photo has the same bytes and is kept",
    "near_duplicate": "another photo has the same image and is kept: re-encoded, resized, brightened or slightly cropped",
}

# Transient reasons, retried by the next ingest; and reasons found without decoding, which another decoder does not change.
MOMENTARY = frozenset({"unreadable", "timeout", "crashed", "too_much_memory"})
UNREAD = frozenset(
    {"empty", "too_many_bytes", "unreadable", "invalid_key", "not_in_table", "ambiguous", "no_category", "duplicate", "near_duplicate"}
)
NOT_THE_PHOTO = frozenset({"not_in_table", "ambiguous", "no_category", "duplicate", "near_duplicate"})

FINE, LEFT_OUT = "fine", "left out"
BATCH = 64  # photos per step
SCHEMA = pa.schema([(name, pa.string()) for name in ("source_key", "reason", "message", "replay")])


def quarantine_row(url: str, key: str, error: GanrayError, recipe: Recipe) -> dict[str, str]:
    """The quarantine row of the object `key` of the store at `url`; its command retries it with the same recipe."""
    options = json.dumps(asdict(recipe), separators=(",", ":"))
    command = f"python -m ganray.catalog.quarantine {shlex.quote(url.rstrip('/') + '/' + key)} {shlex.quote(options)}"
    return {"source_key": key, "reason": _reason(error), "message": str(error), "replay": command}


def _reason(error: GanrayError) -> str:
    return error.reason if isinstance(error, ImageError) else error.code if isinstance(error, InvalidKey) else "unreadable"


def replay(url: str, recipe: Recipe) -> str:
    """Retry one object; returns the result as one line. Raises StorageError when it cannot be read."""
    store, key = open_object(url)
    with sandbox(recipe) as child:
        (result,) = child.map([store.get(key)])
    if isinstance(result, ImageError):
        return f"{url}: {result.reason}: {result}"
    return f"{url}: fine, {result[1]['width']}x{result[1]['height']} pixels"


def replay_all(catalog: Store, reasons: Collection[str] = ()) -> dict[str, Counter[str]]:
    """Retry all photos in a catalog's quarantine, or those with some reasons: old reason -> new result ("fine" or a reason) -> number.

    Photos that are not the cause of their reason are not retried: `left out` counts them. Raises CatalogError if there is no quarantine,
    StorageError when the store fails for more than single photos.
    """
    results: dict[str, Counter[str]] = {}
    for row, result in _retried(row for row in _rows(catalog) if not reasons or row["reason"] in reasons):
        results.setdefault(row["reason"], Counter())[result] += 1
    if not results and not catalog.exists(CATALOG_KEY):
        raise CatalogError(f"{catalog.url} is not a catalog and has no quarantine", "Give the `out` of a ganray ingest")
    return dict(sorted(results.items()))


def show(results: dict[str, Counter[str]]) -> str:
    """The result of `replay_all`, one line per reason."""
    lines = []
    for reason, now in results.items():
        if LEFT_OUT in now:
            lines.append(f"{reason}: {now.total()}, not retried: {REASONS[reason]}")
        else:
            others = ", ".join(f"{num} {name}" for name, num in now.most_common() if name != FINE)
            lines.append(f"{reason}: {now[FINE]} of {now.total()} fine now" + (f" ({others})" if others else ""))
    fine = sum(now[FINE] for now in results.values())
    if fine:
        lines.append(f"{fine} fine: run the same `ganray ingest` again to accept them")
    return "\n".join(lines or ["the quarantine is empty"])


def _rows(catalog: Store) -> Iterator[dict[str, str]]:
    for info in catalog.list("quarantine", ".parquet"):
        if is_part(info.key):
            yield from pq.read_table(pa.BufferReader(catalog.get(info.key)), columns=SCHEMA.names).to_pylist()


def _retried(rows: Iterable[dict[str, str]]) -> Iterator[tuple[dict[str, str], str]]:
    """Each row with its new result; rows with the same store and recipe share a decoder process."""
    for (url, recipe), some in groupby(rows, _store_and_recipe):
        if recipe is None:
            yield from ((row, LEFT_OUT) for row in some)
            continue
        source = open_store(url)
        with sandbox(Recipe.from_json(recipe)) as child:
            while batch := list(islice(some, BATCH)):
                contents = [data for _, data in source.get_many(row["source_key"] for row in batch)]
                outcomes = child.map([data for data in contents if isinstance(data, bytes)])
                for row, data in zip(batch, contents, strict=True):
                    result = next(outcomes) if isinstance(data, bytes) else data
                    yield row, _reason(result) if isinstance(result, GanrayError) else FINE


def _store_and_recipe(row: dict[str, str]) -> tuple[str, str | None]:
    """The store and the recipe of a row; the recipe is None if a retry is useless."""
    url, recipe = shlex.split(row["replay"])[3:]
    return url.removesuffix(f"/{row['source_key']}"), None if row["reason"] in NOT_THE_PHOTO else recipe


def main(arguments: list[str]) -> int:
    """URL [RECIPE as JSON], or CATALOG-URL [--reason REASON]...: print the result of a retry; returns the exit code."""
    try:
        positional, reasons = _arguments(arguments)
        catalog = open_store(positional[0])
        if len(positional) == 1 and (catalog.exists(CATALOG_KEY) or next(_rows(catalog), None) is not None):
            print(show(replay_all(catalog, reasons)))
        elif reasons:
            replay_all(catalog, reasons)
        else:
            print(replay(positional[0], Recipe.from_json(positional[1]) if positional[1:] else Recipe(resolution=64)))
    except GanrayError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Positional arguments and the values of --reason."""
    remaining, positional, reasons = iter(arguments), list[str](), list[str]()
    for argument in remaining:
        name, equals, value = argument.partition("=")
        if name == "--reason":
            reasons.append(value if equals else next(remaining, ""))
        else:
            positional.append(argument)
    unknown = [reason for reason in reasons if reason not in REASONS]
    if unknown:
        raise ConfigError(f"unknown reason {unknown[0]!r}", f"Use one of {', '.join(REASONS)}")
    if len(positional) not in (1, 2):
        raise ConfigError(
            f"{len(positional)} arguments", "Use python -m ganray.catalog.quarantine URL RECIPE, or CATALOG [--reason REASON]"
        )
    return positional, reasons


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
