"""Calls as bytes: method, path, headers, body. Each is made once, and what is sent again is sent whole.

A call must be safe to send twice. One that would draw another picture each time, a request without a seed and an id, gets its seed here.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from ganray.client.bodies import EditFields, EditRow, Edits, GenerateFields, JobFields, Priority

SEED_BITS = 53  # exact in every JSON reader
JSON_TYPE = {"Content-Type": "application/json"}
# A value may stand in a header where it has no control characters.
REQUEST_ID, HEADER_VALUE = re.compile(r"[A-Za-z0-9._-]{1,100}"), re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Options:
    """What a caller may say of one call. `timeout` in seconds, None for the client's own; an empty `request_id` is made up."""

    model: str = ""
    priority: Priority = "interactive"
    timeout: float | None = None
    request_id: str = ""

    def __post_init__(self) -> None:
        if self.timeout is not None and not 0 < self.timeout < float("inf"):
            raise ValueError(f"timeout {self.timeout}: give seconds, more than 0")
        if self.request_id and not REQUEST_ID.fullmatch(self.request_id):
            raise ValueError(f"request_id {self.request_id[:60]!r}: use 1 to 100 of A-Z, a-z, 0-9, '.', '_' and '-'")


@dataclass(frozen=True)
class Call:
    """One request, whole. `repeatable`: the caller can ask for the same again, so that the answer is worth keeping."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = field(default=b"", repr=False)
    repeatable: bool = False

    def fingerprint(self) -> str:
        """A name of what is asked: equal for equal requests."""
        head = json.dumps([self.method, self.path, dict(self.query), self.headers.get("Accept", "")])
        return hashlib.sha256(head.encode() + b"\n" + self.content).hexdigest()


def get_call(path: str) -> Call:
    """A page without parameters."""
    return Call("GET", path, headers={"Accept": "application/json"})


def generate_call(fields: GenerateFields, options: Options) -> Call:
    """POST /v1/generate, with a seed of the client's own where the answer would else differ from try to try."""
    named = fields.get("seed") is not None or bool(fields.get("id"))
    body = dict(fields) if named else {**fields, "seed": secrets.randbits(SEED_BITS)}
    headers = _headers(fields.get("count", 1), options) | JSON_TYPE
    return Call("POST", "v1/generate", _query(options), headers, _json(body), repeatable=named)


def edit_call(photo: bytes | str, edits: Edits, fields: EditFields, options: Options) -> Call:
    """POST /v1/edit: a form where a picture is uploaded, else JSON. Its answer depends on what is sent alone."""
    files: dict[str, bytes] = {}
    pictures = {name: _part(f"picture-{number}", data, files) for number, (name, data) in enumerate(fields.get("pictures", {}).items())}
    body = {**fields, "image": _part("photo", photo, files), "edits": list(edits)} | ({"pictures": pictures} if pictures else {})
    if keys := {name for name in (photo, *fields.get("pictures", {}).values()) if isinstance(name, str)} & files.keys():
        raise ValueError(f"{min(keys)!r} is a key, and the name of a part of the form: upload that picture, too")
    content_type, content = _upload(body, files)
    headers = _headers(fields.get("count", 1), options) | content_type
    return Call("POST", "v1/edit", _query(options), headers, content, repeatable=True)


def check_call(photo: bytes | str, profile: str, kind: str, day: str) -> Call:
    """POST /v1/check."""
    files: dict[str, bytes] = {}
    body = {"image": _part("photo", photo, files), "profile": profile, "kind": kind, "day": day}
    content_type, content = _upload(body, files)
    return Call("POST", "v1/check", headers={"Accept": "application/json"} | content_type, content=content)


def submit_call(kind: str, requests: Sequence[GenerateFields | EditRow], fields: JobFields, idempotency_key: str) -> Call:
    """POST /v1/jobs. The Idempotency-Key is made once, so that no retry makes a second job."""
    key = idempotency_key or uuid.uuid4().hex
    if not HEADER_VALUE.fullmatch(key):
        raise ValueError("idempotency_key: use printable ASCII characters without spaces")
    body = {"kind": kind, **fields} | ({"requests": list(requests)} if requests else {})
    return Call("POST", "v1/jobs", headers={"Accept": "application/json", "Idempotency-Key": key} | JSON_TYPE, content=_json(body))


def job_call(id: str) -> Call:
    """GET /v1/jobs/{id}."""
    return get_call(_job_path(id))


def jobs_call(after: str, page_size: int) -> Call:
    """GET /v1/jobs: those that follow the id `after`."""
    query = {"limit": str(page_size)} | ({"after": after} if after else {})
    return replace(get_call("v1/jobs"), query=query)


def results_call(id: str, quarantined: bool, offset: int, page_size: int) -> Call:
    """GET /v1/jobs/{id}/results."""
    query = {"offset": str(offset), "limit": str(page_size)} | ({"quarantined": "true"} if quarantined else {})
    return replace(get_call(f"{_job_path(id)}/results"), query=query)


def file_call(id: str, name: str) -> Call:
    """GET /v1/jobs/{id}/results/{name}: a file that never changes."""
    if not {"", ".", ".."}.isdisjoint(name.split("/")):
        raise ValueError(f"{name[:100]!r} is not the name of a result")
    return Call("GET", f"{_job_path(id)}/results/{quote(name)}", headers={"Accept": "image/*"}, repeatable=True)


def cancel_call(id: str) -> Call:
    """POST /v1/jobs/{id}/cancel; twice is once."""
    return Call("POST", f"{_job_path(id)}/cancel", headers={"Accept": "application/json"})


def _job_path(id: str) -> str:
    """The id is one part of the path, whatever is in it; httpx would resolve dots."""
    if id in ("", ".", ".."):
        raise ValueError(f"{id!r} is not the id of a job")
    return f"v1/jobs/{quote(id, safe='')}"


def _query(options: Options) -> dict[str, str]:
    return {"model": options.model} if options.model else {}


def _headers(count: int, options: Options) -> dict[str, str]:
    """One picture comes as its bytes, several as JSON. Errors are JSON in any case."""
    return {"Accept": "image/*" if count == 1 else "application/json", "X-Ganray-Priority": options.priority}


def _part(name: str, data: object, files: dict[str, bytes]) -> str:
    """How the request names a picture: by its key or data: URL, or by the part of the form with its bytes, which is added to `files`."""
    if isinstance(data, str):
        return data
    if not isinstance(data, bytes):
        raise TypeError(f"a picture is bytes, a path or a key, not {type(data).__name__}")
    files[name] = data
    return name


def _upload(body: Mapping[str, Any], files: Mapping[str, bytes]) -> tuple[dict[str, str], bytes]:
    """Content-Type and body: JSON, or a form (RFC 7578). The boundary is a digest, so that equal forms are equal bytes."""
    text = _json(body)
    if not files:
        return dict(JSON_TYPE), text
    digest = hashlib.sha256(text)
    for data in files.values():
        digest.update(hashlib.sha256(data).digest())
    boundary = f"ganray-{digest.hexdigest()}"
    form = [_field(boundary, "request", "", "application/json", text)]
    form += [_field(boundary, name, f'; filename="{name}"', "application/octet-stream", data) for name, data in files.items()]
    content = b"".join([*form, f"--{boundary}--\r\n".encode()])
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, content


def _field(boundary: str, name: str, filename: str, media_type: str, data: bytes) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{filename}\r\nContent-Type: {media_type}\r\n\r\n'
    return head.encode() + data + b"\r\n"


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()
