"""What a job has made, as values; and listings, which come a page at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ganray.client.answers import Answer, Job, job_of, known

T = TypeVar("T")


@dataclass(frozen=True)
class Result:
    """One picture of a job: number `index` of request `id`. `name` is that of its file, empty where it could not be made: `reason` is why,
    for programs, `message` for people.

    `attributes` are of generated ones; `edits`, `facts`, `source` (the photo's key) and `doubt` (0 to 1) of edited ones. `bytes` is the
    size of the file, `sha256` its digest.
    """

    id: str
    index: int
    name: str = ""
    seed: int = 0
    format: str = ""
    width: int = 0
    height: int = 0
    bytes: int = 0
    sha256: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    edits: tuple[Any, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    doubt: float | None = None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class ResultFile:
    """The file of a result, labels included. `cached` says that the client had it."""

    name: str
    media_type: str
    data: bytes = field(repr=False)
    sha256: str = ""
    etag: str = ""
    request_id: str = ""
    cached: bool = False


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a listing. `following` are the parameters that ask for the next part; none at the end."""

    rows: tuple[T, ...]
    following: Mapping[str, str]


def read_jobs(answer: Answer) -> Page[Job]:
    """The answer of GET /v1/jobs."""
    body = answer.json()
    return Page(tuple(job_of(row) for row in body["jobs"]), _following("after", str, body["next"]))


def read_results(answer: Answer) -> Page[Result]:
    """The answer of GET /v1/jobs/{id}/results."""
    body = answer.json()
    return Page(tuple(_result(row) for row in body["results"]), _following("offset", int, body["next"]))


def read_file(answer: Answer, name: str, cached: bool) -> ResultFile:
    """The answer of GET /v1/jobs/{id}/results/{name}. Raises ValueError where it is no picture."""
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
    if not media_type.startswith("image/"):
        raise ValueError(f"its Content-Type is {media_type!r}")
    etag, request_id = answer.headers.get("etag", ""), answer.headers.get("x-request-id", "")
    return ResultFile(name, media_type, answer.content, hashlib.sha256(answer.content).hexdigest(), etag, request_id, cached)


def _following(parameter: str, kind: type, next: object) -> dict[str, str]:
    if next is None:
        return {}
    if not isinstance(next, kind):
        raise TypeError(f"next is {next!r}")
    return {parameter: str(next)}


def _result(row: Mapping[str, Any]) -> Result:
    """A row of a manifest: chains and facts are JSON in it."""
    if not isinstance(row["id"], str) or not isinstance(row["index"], int) or not isinstance(row.get("name", ""), str):
        raise TypeError("id, index and name are not a text, a number and a text")
    edits, facts = (json.loads(row.get(name) or empty) for name, empty in (("edits", "[]"), ("facts", "{}")))
    return known(Result, {**row, "edits": tuple(edits), "facts": facts})
