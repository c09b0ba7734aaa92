"""The body of POST /v1/jobs: what a caller may say of a bulk job, and the configuration of the verb that follows from it.

Places are keys under the server's own prefixes, never URLs: a URL would reach what only the server can reach. Executors, clusters, own
networks, fonts and gates (an extractor is a URL) are the operator's.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, Field, ValidationError

from ganray.config import EditConfig, GenerateConfig
from ganray.config.keep import ALL
from ganray.edits import check_pictures, parse_chain, text_of
from ganray.errors import ConfigError, InvalidKey, RequestError
from ganray.images.data_url import is_inline
from ganray.profiles import PROFILES
from ganray.request_body import Body
from ganray.requests import MAX_SEED, EditRequest, GenerateRequest, Text, explain
from ganray.serving.chains import check_profiles
from ganray.serving.refusals import Invalid
from ganray.storage.store import check_key

MAX_JOB_BODY = 5_000_000  # bytes
MAX_REQUESTS = 10_000  # in a body; more lie in a table
MAX_IMAGES = 1_000_000  # of a body's requests
TABLES = (".jsonl", ".csv", ".tsv", ".parquet", ".jsonl.gz", ".csv.gz", ".tsv.gz")
ROWS: Mapping[str, type[GenerateRequest] | type[EditRequest]] = {"generate": GenerateRequest, "edit": EditRequest}
EDITS_ALONE, GENERATE_ALONE = ("failing", "strict"), ("keep", "truncation")  # options


class JobOptions(Body):
    """What of the verb's options a caller may set."""

    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = Field(0, description="seed from which requests without one derive theirs")
    format: Literal["", "png", "jpeg", "webp", "avif"] = Field("", description="image format of requests that name none")
    layout: Literal["objects", "parquet", "webdataset"] = Field("objects", description="an object an image, or an object a shard")
    visible: Annotated[Text, Field(max_length=40)] = Field("", description="a word in the lower right corner, such as AI")
    keep: Annotated[Text, Field(max_length=40)] = Field(
        ALL,
        description="of generate jobs: all samples, or best:SHARE of each request by the gate's score; the model's folder has an extractor",
    )
    truncation: Annotated[Text, Field(max_length=40)] = Field(
        "", description="of generate jobs, for requests that name none: a number, or auto = what was measured to suit the model"
    )
    failing: Text = Field("", description="of edit jobs: edit only photos that fail the check of this profile")
    strict: bool = Field(False, description="of edit jobs: quarantine every result that a person should look at")


class JobRequest(Body):
    """A bulk job: its requests, or the key of a table of them, and how they are made."""

    kind: Literal["generate", "edit"] = Field(description="what the requests are: bodies of /v1/generate or of /v1/edit")
    requests: list[dict[str, Any]] = Field([], max_length=MAX_REQUESTS, description="the requests, each with an id of its own")
    requests_key: Text = Field("", description="instead: key of a JSONL, CSV or Parquet table among the tenant's tables")
    out: Text = Field("result", description="a relative key: the folder in the job's own folder that results are written to")
    model: Text = Field("", description="name of a model, as GET /v1/models lists it; empty: the default one")
    edits: str | list[str | dict[str, Any]] = Field([], description="of edit jobs: the chain of requests that have none")
    options: JobOptions = Field(JobOptions(), description="options of the verb")
    webhook: Annotated[str, Field(max_length=2000)] = Field("", description="an https:// URL that is told when the job has ended")

    def canonical(self) -> str:
        """One line of JSON, equal for equal bodies."""
        return json.dumps(self.model_dump(exclude_defaults=True), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Places:
    """URLs of the operator's that a job reads from and writes to; `table` is of its requests. No caller sees them."""

    model: str
    table: str
    out: str
    source: str = ""
    networks: str = ""
    max_pixels: int = 50_000_000


@dataclass(frozen=True)
class CheckedJob:
    """A body whose every request is right: the lines of its table, and how many images they ask for; None of a table that lies in the
    store, which the job checks before it makes anything."""

    lines: bytes | None
    requests: int | None
    images: int | None


def check_job(body: JobRequest, has_source: bool) -> CheckedJob:
    """Check all that can be before a job begins. Raises Invalid, and RequestError for an unknown edit, profile or photo."""
    if bool(body.requests) == bool(body.requests_key):
        raise Invalid("a job has either requests or requests_key", "Send the requests in the body, or the key of one table")
    _check_key("out", body.out)
    if body.requests_key:
        _check_key("requests_key", body.requests_key)
        if not body.requests_key.lower().endswith(TABLES):
            raise Invalid(f"requests_key {body.requests_key[:60]!r} names no table", f"Tables end in {', '.join(TABLES)}")
    _refuse_options(body)
    if body.kind == "edit" and body.options.failing and body.options.failing not in PROFILES():  # a path would be a file of the server's
        raise RequestError(f"profile {body.options.failing!r} is unknown", f"Use one of {', '.join(PROFILES())}")
    chain = chain_of(body)
    if body.requests_key:
        return CheckedJob(None, None, None)
    rows = [_row(number, value, ROWS[body.kind]) for number, value in enumerate(body.requests)]
    _check_ids(rows)
    for number, row in enumerate(rows):
        if isinstance(row, EditRequest):
            _check_edit(number, row, chain, has_source)
    images = sum(row.count for row in rows)
    if images > MAX_IMAGES:
        raise Invalid(f"the requests ask for {images:,} images, over {MAX_IMAGES:,}", "Send several jobs, or a table by its key")
    lines = "\n".join(row.model_dump_json(exclude_unset=True) for row in rows) + "\n"
    return CheckedJob(lines.encode(), len(rows), images)


def chain_of(body: JobRequest) -> list[dict[str, Any]]:
    """The job's chain, with short forms written out; empty where every request brings its own. Raises RequestError."""
    if not body.edits:
        return []
    try:
        edits = EditRequest.model_validate({"image": "data:", "edits": body.edits}).edits
    except ValidationError as error:
        raise Invalid(explain(cast(list[Any], error.errors()), EditRequest), 'Send a list such as ["cutout", "white"]') from None
    return _parsed(edits)


def verb_config(body: JobRequest, places: Places, executor: str) -> dict[str, Any]:
    """The verb's configuration, as a file of it has it. Raises RequestError for options that contradict each other."""
    options = body.options
    config: dict[str, Any] = {
        "model": places.model,
        "requests": places.table,
        "out": places.out,
        "seed": options.seed,
        "layout": options.layout,
        "label": {"visible": options.visible},
        "executor": executor,
    }
    if options.format:
        config["format"] = options.format
    if body.kind == "edit":
        chain = chain_of(body)
        config |= {"source": places.source, "networks": places.networks, "max_pixels": places.max_pixels}
        config |= {"edits": json.dumps(chain) if chain else "", "failing": options.failing, "strict": options.strict}
    else:
        config |= {"keep": options.keep, "truncation": options.truncation}
    kind: type[BaseModel] = EditConfig if body.kind == "edit" else GenerateConfig
    try:
        kind.model_validate(config)
    except ConfigError as error:
        raise RequestError(error.message, error.remedy) from None
    return config


def _check_key(name: str, key: str) -> None:
    try:
        check_key(key)
    except InvalidKey as error:
        raise Invalid(f"{name} {error.message}", error.remedy) from None
    if "\\" in key or "://" in key or key.startswith("~"):
        raise Invalid(f"{name} {key[:60]!r} is not a relative key", "Use names joined by single slashes")


def _refuse_options(body: JobRequest) -> None:
    """Raise Invalid for what jobs of the other kind have."""
    other, others = ("edit", EDITS_ALONE) if body.kind == "generate" else ("generate", GENERATE_ALONE)
    given = [name for name in others if getattr(body.options, name) != JobOptions.model_fields[name].default]
    if body.kind == "generate" and body.edits:
        given = ["edits"]
    if given:
        raise Invalid(f"{given[0]} is for {other} jobs, and the kind is {body.kind}", f"Leave it out, or send kind: {other}")


def _row(number: int, value: object, kind: type[GenerateRequest] | type[EditRequest]) -> GenerateRequest | EditRequest:
    try:
        row = kind.model_validate(value)
    except ValidationError as error:
        raise Invalid(f"requests.{number}.{explain(cast(list[Any], error.errors()), kind)}", "See /docs") from None
    if not row.id:
        raise Invalid(f"requests.{number}: the request has no id", "Give every request its own id, e.g. the SKU")
    if isinstance(row, GenerateRequest) and row.segment:
        raise Invalid(f"requests.{number}: segment: a job over HTTP has no policy", "Send the attributes of the images instead")
    return row


def _check_ids(rows: Iterable[GenerateRequest | EditRequest]) -> None:
    seen = dict[str, int]()
    for number, row in enumerate(rows):
        if (first := seen.setdefault(row.id, number)) != number:
            raise Invalid(f"requests.{number}: duplicate request id {row.id!r}, that of requests.{first}", "Give every request its own id")


def _check_edit(number: int, row: EditRequest, chain: list[dict[str, Any]], has_source: bool) -> None:
    if not row.edits and not chain:
        raise RequestError(f"requests.{number} has no edits, and the job has none", "Give edits in the job or in each request")
    try:
        steps = _parsed(row.edits) if row.edits else chain
        check_pictures(parse_chain(steps), row.pictures)
    except RequestError as error:
        raise RequestError(f"requests.{number}: {error.message}", error.remedy) from None
    for name in (row.image, *row.pictures.values()):
        if is_inline(name):
            continue
        if not has_source:
            raise RequestError(f"requests.{number}: image {name[:60]!r} is not a data: URL", "Send the picture itself: there is no source")
        _check_key(f"requests.{number}: image", name)


def _parsed(edits: Iterable[str | Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A chain, written out. A profile is one of ganray's own: a path would be a file of the server's."""
    steps: list[dict[str, Any]] = json.loads(_written_out(json.dumps(list(edits))))
    return steps


@functools.lru_cache(256)
def _written_out(edits: str) -> str:
    """Of ten thousand requests most have the same chain."""
    given = json.loads(edits)
    check_profiles(given)
    return json.dumps(text_of(parse_chain(given)))
