"""What an edit job is to make: its identity, and where its requests come from: a table, or every image under a prefix, listed once."""

from __future__ import annotations

import functools
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import ValidationError

from ganray.bulk.doubt import DOUBTFUL, REFUSED
from ganray.bulk.job import JobIdentity, count, now
from ganray.bulk.photo_names import PhotoNames
from ganray.config import EditConfig
from ganray.edits import EDITS, check_pictures, parse_chain, text_of
from ganray.edits.conform import ConformParams
from ganray.errors import ConfigError, ObjectNotFound, RequestError
from ganray.images.data_url import is_inline
from ganray.images.names import NAME_RULE, is_image_name, kind_of_name
from ganray.images.provenance import GENERATIVE
from ganray.output.sample_file import SOFTWARE
from ganray.request_tables import Columns, read_requests
from ganray.requests import EditRequest, seed_of
from ganray.storage import Store, absolute_url, open_object, open_store

Source = Callable[[], Iterator[EditRequest]]
MANY_SHARDS, SHARD_IMAGES = (
    48,
    (2, 64),
)  # shards of a job where nobody says, if each then has no fewer and no more images: all workers have some


@dataclass(frozen=True, kw_only=True)
class EditJob(JobIdentity):
    """The identity of a job that edits. `chain` is JSON, that of requests without one; `failing` the profile whose failures are edited;
    `most_doubt` from which a result is quarantined."""

    source: str
    chain: str
    failing: str
    most_doubt: float
    max_bytes: int
    max_pixels: int
    label_digest: str


def make_edit_job(config: EditConfig, source: Source, digest: str, label_digest: str = "") -> EditJob:
    """Read all requests once; each is checked before any work starts.

    Raises RequestError for an unknown edit or parameter, a duplicate id, a key where there is no source, or an empty table.
    """
    chain = chain_of(config)
    counted = count(source, functools.partial(_check, chain=chain, has_source=bool(config.source)))
    size = config.shard_images or min(max(counted.images // MANY_SHARDS, SHARD_IMAGES[0]), SHARD_IMAGES[1])
    return EditJob(
        model_digest=digest,
        requests_digest=counted.digest,
        requests=counted.requests,
        images=counted.images,
        shards=-(-counted.images // size),
        shard_images=size,
        software=SOFTWARE,
        layout=config.layout,
        created=now(),
        source=absolute_url(config.source),
        chain=chain,
        failing=config.failing,
        most_doubt=DOUBTFUL if config.strict else REFUSED,
        max_bytes=config.max_bytes,
        max_pixels=config.max_pixels,
        label_digest=label_digest,
    )


def chain_of(config: EditConfig) -> str:
    """The job's chain as JSON; empty where every request is to bring its own."""
    if not config.edits:
        return "[]"
    try:
        edits = EditRequest.model_validate({"image": "data:", "edits": config.edits}).edits
    except ValidationError as error:
        raise ConfigError(
            f"edit: edits = {config.edits!r} is no chain: {error.errors()[0]['msg']}",
            'Write cutout,white or JSON such as ["cutout", {"background": {"shadow": 0.5}}]',
        ) from error
    steps = parse_chain(edits)
    if not config.requests:  # photos without a request of their own have no picture beside them; a table's rows answer for themselves
        check_pictures(steps, ())
    return json.dumps(text_of(steps), sort_keys=True)


def check_stamp(chain: str) -> None:
    """Raises ConfigError for a chain (JSON) whose results can have no visible label: a model makes a part of them, and their profile takes
    a background of one colour alone."""
    steps = parse_chain(json.loads(chain)) if chain != "[]" else []
    made = [step.name for step in steps if EDITS[step.name].source_type in GENERATIVE]
    for step in steps:
        if made and isinstance(step.params, ConformParams) and step.params.rules().background.kind != "any":
            raise ConfigError(
                f"label.visible with {made[0]} and conform: {step.params.profile} takes a background of one colour alone",
                "Leave conform out, or label.visible",
            )


@contextmanager
def requests_of(config: EditConfig, out: Store) -> Iterator[Source]:
    """Gives the requests from the start each time, seeds filled in: of the table, or of a listing that is made once and kept on disk."""
    if config.requests:
        yield functools.partial(_table, config, Columns())
        return
    with tempfile.TemporaryFile("w+", encoding="utf-8") as listed:
        names = _list(open_store(config.source), out, listed.write)
        if not listed.tell():
            raise ObjectNotFound(f"{config.source} holds no images", f"Check the URL: {NAME_RULE}")

        def source() -> Iterator[EditRequest]:
            listed.seek(0)
            for line in listed:
                yield _request(config, json.loads(line), names)

        yield source


def _table(config: EditConfig, columns: Columns) -> Iterator[EditRequest]:
    """The requests of the table; what its owner should know of it is printed when it was read for the first time."""
    store, key = open_object(config.requests)
    known = columns.notes()
    with store.open_seekable(key) as file:
        for request in read_requests(file, config.requests, config.format, kind=EditRequest, columns=columns):
            yield request.model_copy(update={"seed": seed_of(request, config.seed)})
    for note in columns.notes() if not known else ():
        print(f"edit: {config.requests}: {note}", file=sys.stderr, flush=True)


def _list(store: Store, out: Store, write: Callable[[str], object]) -> PhotoNames:
    """Write the keys of all images, those of the job itself left out; gives their names."""
    own = store.prefix_of(out)
    if own == "":
        raise ConfigError(f"edit: out = {out.url} is the source itself", "Choose another out: photos are never written over")
    names, passed_over = PhotoNames(), Counter[str]()
    for info in store.list():
        if own and info.key.startswith(f"{own}/"):
            continue
        if is_image_name(info.key):
            write(json.dumps(info.key) + "\n")
            names.add(info.key)
        elif kind := kind_of_name(info.key):
            passed_over[kind] += 1
    if passed_over:
        shown = ", ".join(f"{kind} {num:,}" for kind, num in passed_over.most_common())
        print(f"edit: passed over, not named as images: {shown}", file=sys.stderr, flush=True)
    return names


def _request(config: EditConfig, key: str, names: PhotoNames) -> EditRequest:
    request = EditRequest(id=names.id_of(key), image=key, format=config.format)
    return request.model_copy(update={"seed": seed_of(request, config.seed)})


def _check(request: EditRequest, chain: str, has_source: bool) -> None:
    _parsed(json.dumps(request.edits) if request.edits else chain)
    outside = [url for url in (request.image, *request.pictures.values()) if not is_inline(url)]
    if outside and not has_source:
        raise RequestError(f"{outside[0][:60]!r} is a key, and the job has no source", "Name the prefix it lies under with --source")


@functools.lru_cache(1024)
def _parsed(chain: str) -> None:
    parse_chain(json.loads(chain))
