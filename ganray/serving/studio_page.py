"""GET /studio: a page for designers that uses the public API alone, so that any replica can serve it.

The files lie in serving/studio/: HTML, CSS and plain ES modules, without a build step. Their links are relative, so it works under any
prefix. The page loads nothing from elsewhere, runs no inline script and cannot be framed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Annotated

from fastapi import FastAPI, Header, Response

from ganray.serving.caching import matches
from ganray.serving.refusals import NotFound

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
INDEX = "index.html"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # kept, but asked for again: after an upgrade all modules are of one version
}


@dataclass(frozen=True)
class PageFile:
    """A file of the page."""

    data: bytes
    media_type: str
    tag: str


def page_files() -> dict[str, PageFile]:
    """The files by name, of the types that a browser is told of."""
    found = {}
    for each in files("ganray.serving").joinpath("studio").iterdir():
        if media_type := MEDIA_TYPES.get(PurePosixPath(each.name).suffix):
            data = each.read_bytes()
            found[each.name] = PageFile(data, media_type, f'"{hashlib.sha256(data).hexdigest()[:32]}"')
    return found


def add_studio(app: FastAPI) -> None:
    """Add GET /studio and the files below it. They are read once, here."""
    known = page_files()

    @app.get("/studio", include_in_schema=False)
    async def page(if_none_match: Annotated[str, Header()] = "") -> Response:
        """The page."""
        return _reply(known[INDEX], if_none_match)

    @app.get("/studio/{name}", include_in_schema=False)
    async def file(name: str, if_none_match: Annotated[str, Header()] = "") -> Response:
        """A file of the page. Raises NotFound."""
        if name not in known:
            raise NotFound(f"the studio has no file {name[:60]!r}", "Open /studio")
        return _reply(known[name], if_none_match)

    @app.get("/studio/", include_in_schema=False)
    async def slash() -> Response:
        """Links of the page are relative to its address without a slash."""
        return Response(status_code=308, headers={"Location": "../studio"})


def _reply(file: PageFile, if_none_match: str) -> Response:
    headers = {**HEADERS, "ETag": file.tag}
    if matches(if_none_match, file.tag):
        return Response(status_code=304, headers=headers)
    return Response(file.data, media_type=file.media_type, headers=headers)
