"""Answers as values. Fields that a newer server adds are passed over."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict, TypeVar, cast
from urllib.parse import unquote

from ganray.client.errors import BadAnswer, Detail

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What came over HTTP; names of headers are lower-case."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return json.loads(self.content)


@dataclass(frozen=True)
class Image:
    """One picture: its file, labels included. `attributes` are of generated ones; `edits` and `facts` of edited ones, empty where the
    server left them out because they are too long for a header."""

    name: str
    media_type: str
    data: bytes = field(repr=False)
    sha256: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    edits: tuple[Any, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Images:
    """The pictures of one request, in order. `id` is the request's, `request_id` that of the call in the server's log.

    `model` is the digest of the weights, `device` what rendered; `cached` says that the client had the answer.
    """

    images: tuple[Image, ...]
    id: str
    seed: int
    model: str
    etag: str = ""
    device: str = ""
    request_id: str = ""
    cached: bool = False

    def __iter__(self) -> Iterator[Image]:
        return iter(self.images)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Image:
        return self.images[index]

    @property
    def data(self) -> bytes:
        """The file of the only picture. Raises ValueError where there are several."""
        (image,) = self.images
        return image.data

    @property
    def attributes(self) -> Mapping[str, str]:
        """The attributes of the first picture."""
        return self.images[0].attributes


@dataclass(frozen=True)
class Finding:
    """One rule of a profile. `state`: ok, fails, advice or not checked; `mend` names what would correct it, `since` a future day."""

    rule: str
    state: str
    found: str
    wanted: str
    mend: str = ""
    level: str = "must"
    since: str | None = None


@dataclass(frozen=True)
class Report:
    """A picture against a profile. `mending` is the chain of edits that corrects it."""

    ok: bool
    profile: str
    version: str
    day: str | None = None
    kind: str = ""
    width: int = 0
    height: int = 0
    product: int = 0
    findings: tuple[Finding, ...] = ()
    mending: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """A bulk job. `done` of `total` pictures are finished (0: not known), `eta_s` seconds remain; `out` is the key of its folder.

    `error` says why it failed, `error_code` is that for programs; `counts` are of what it has made, when it has ended. `created` and
    `ended_at` are Unix seconds, `key` is the name of the key that submitted it, `webhook` says: waiting, delivered or failed.
    """

    id: str
    state: State
    kind: str = ""
    done: int = 0
    total: int = 0
    out: str = ""
    error: str = ""
    error_code: str = ""
    eta_s: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    created: float = 0.0
    ended_at: float | None = None
    model: str = ""
    key: str = ""
    webhook: str = ""

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self.state in ("succeeded", "failed", "cancelled")


class ModelCard(TypedDict, total=False):
    """A served model."""

    name: str
    digest: str
    generates: bool
    resolution: int
    attributes: dict[str, list[str]]
    titles: dict[str, Any]
    formats: list[str]
    max_count: int


class EditCard(TypedDict, total=False):
    """An edit: what it takes, as JSON schema, and what one value stands for."""

    name: str
    stage: str
    params: dict[str, Any]
    short: str
    picture_in: str


class ProfileCard(TypedDict, total=False):
    """A marketplace's rules of today."""

    name: str
    version: str
    source: str
    evidence: str
    rules: dict[str, Any]


def read_answer(answer: Answer, reader: Callable[[Answer], T]) -> T:
    """What `reader` makes of an answer. Raises BadAnswer where it is not of the form that the server gives."""
    try:
        return reader(answer)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        request_id = answer.headers.get("x-request-id", "")
        message = f"the answer cannot be read: {type(error).__name__} {error}"
        raise BadAnswer(Detail("bad_answer", message, "Check the URL, and the server's version", answer.status, request_id)) from error


def read_images(answer: Answer, cached: bool = False) -> Images:
    """The pictures of /v1/generate and /v1/edit, as bytes or JSON. Raises ValueError where bytes do not have the digest stated."""
    headers = answer.headers
    media_type = headers.get("content-type", "").partition(";")[0].strip()
    if media_type == "application/json":
        body = answer.json()
        pictures = tuple(_image(row, body.get("media_type", "")) for row in body["images"])
        id, seed, model = body["id"], body["seed"], body["model"]
    elif media_type.startswith("image/"):
        id, seed, model = unquote(headers["x-ganray-request-id"]), int(headers["x-ganray-seed"]), headers["x-ganray-model"]
        facts = {name: json.loads(headers.get(f"x-ganray-{name}", empty)) for name, empty in _FACTS.items()}
        row = {**facts, "name": f"{id}-0", "sha256": hashlib.sha256(answer.content).hexdigest()}
        pictures = (_picture(row, media_type, answer.content),)
    else:
        raise ValueError(f"its Content-Type is {media_type!r}")
    etag, device, request_id = (headers.get(name, "") for name in ("etag", "x-ganray-device", "x-request-id"))
    return Images(pictures, id, int(seed), model, etag, device, request_id, cached)


_FACTS = {"attributes": "{}", "edits": "[]", "facts": "{}"}


def _image(row: Mapping[str, Any], media_type: str) -> Image:
    data = base64.b64decode(row["data"], validate=True)
    if hashlib.sha256(data).hexdigest() != row["sha256"]:
        raise ValueError(f"picture {row['name']!r} does not have the sha256 that is stated")
    return _picture(row, row.get("media_type", media_type), data)


def _picture(row: Mapping[str, Any], media_type: str, data: bytes) -> Image:
    return Image(row["name"], media_type, data, row["sha256"], row.get("attributes", {}), tuple(row.get("edits", ())), row.get("facts", {}))


def read_report(answer: Answer) -> Report:
    """The answer of /v1/check."""
    body = answer.json()
    findings = tuple(known(Finding, row) for row in body["findings"])
    return known(Report, {**body, "findings": findings, "mending": tuple(body["mending"])})


def read_job(answer: Answer) -> Job:
    """The answer of POST /v1/jobs, GET /v1/jobs/{id} and POST /v1/jobs/{id}/cancel."""
    return job_of(answer.json())


def job_of(row: Mapping[str, Any]) -> Job:
    """A job as the server describes it."""
    body = {name: value for name, value in row.items() if value is not None}
    if not isinstance(body["id"], str) or not isinstance(body["state"], str):
        raise TypeError("id and state are not texts")
    if isinstance(error := body.get("error"), dict):
        body |= {"error": str(error.get("message", "")), "error_code": str(error.get("code", ""))}
    return known(Job, {**body, "ended_at": body.get("ended")})


def read_cards(name: str) -> Callable[[Answer], list[Any]]:
    """Reads a listing: the list under a name."""

    def listed(answer: Answer) -> list[Any]:
        return [dict(card) for card in answer.json()[name]]

    return listed


def error_of(answer: Answer, request_id: str) -> tuple[Detail, bool]:
    """What an answer says of its error, and whether ganray wrote it: a proxy's page is not the server's verdict."""
    body = _error_body(answer)
    request_id = answer.headers.get("x-request-id", request_id)
    if body is None:
        message = f"HTTP {answer.status}, not written by ganray: {_first_words(answer.content)}"
        return Detail("no_ganray", message, "Check the URL, and what stands before the server", answer.status, request_id), False
    remedy, reason = str(body.get("remedy", "")), str(body.get("reason", ""))
    return Detail(body["error"], str(body["message"]), remedy, answer.status, request_id, reason), True


def _error_body(answer: Answer) -> Mapping[str, Any] | None:
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return None
    return cast(Mapping[str, Any], body) if isinstance(body, dict) and isinstance(body.get("error"), str) and "message" in body else None


def _first_words(content: bytes) -> str:
    text = "".join(each if each.isprintable() else " " for each in content[:200].decode("utf-8", "replace"))
    return " ".join(text.split()) or "no body"


def known(kind: type[T], fields: Mapping[str, Any]) -> T:
    """A value of these fields; those that `kind` does not have are left out."""
    names = {each.name for each in dataclasses.fields(cast(Any, kind))}
    return kind(**{name: value for name, value in fields.items() if name in names})
