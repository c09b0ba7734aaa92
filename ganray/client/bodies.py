"""Bodies of requests, as type checkers see them: the fields of the server's own classes, without pydantic and numpy."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Required, TypedDict

Format = Literal["png", "jpeg", "webp", "avif"]
Edits = Sequence[str | Mapping[str, Any]]  # ["cutout", "white", {"conform": "amazon-main"}]
Priority = Literal["interactive", "batch"]
# Bytes and paths are uploaded; text is a key in the server's own store, or a data: URL.
Photo = bytes | os.PathLike[str] | str


class GenerateFields(TypedDict, total=False):
    """Fields of a request to generate; `ganray.GenerateRequest` says what they mean."""

    id: str
    attributes: Mapping[str, str]
    title: str
    seed: int
    count: int
    format: Format
    quality: int
    side: int
    truncation: float
    segment: str


class EditFields(TypedDict, total=False):
    """Fields of a request to edit, beside its photo and its chain; `ganray.EditRequest` says what they mean."""

    id: str
    pictures: Mapping[str, Photo]
    attributes: Mapping[str, str]
    seed: int
    count: int
    format: Format
    quality: int


class EditRow(TypedDict, total=False):
    """A request to edit as a row of a job: photos are keys or data: URLs."""

    id: str
    image: Required[str]
    edits: Edits
    pictures: Mapping[str, str]
    attributes: Mapping[str, str]
    seed: int
    count: int
    format: Format
    quality: int


class JobFields(TypedDict, total=False):
    """What may be said of a job beside its kind and its requests. `out` is a key in the job's own folder, `requests_key` that of a table
    in place of requests, `edits` the chain of requests that have none, `webhook` an https:// URL that is told when the job has ended."""

    out: str
    requests_key: str
    model: str
    edits: str | Edits
    options: Mapping[str, Any]
    webhook: str
