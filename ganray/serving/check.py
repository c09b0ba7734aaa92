"""POST /v1/check: a picture against a marketplace's rules, with what mends it.

Pictures are decoded and looked at in child processes, as those of bulk checks are.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Annotated, Any

from fastapi import FastAPI, Request
from pydantic import Field, field_validator

from ganray.images.sandbox import Sandbox
from ganray.profiles import profile
from ganray.profiles.checking import checked, served_sandbox, with_header
from ganray.profiles.report import Finding, Report
from ganray.request_body import Body
from ganray.requests import Text
from ganray.serving.bodies import read_form
from ganray.serving.chains import require_profile
from ganray.serving.context import RequestContext, context_of
from ganray.serving.openapi import body_of
from ganray.serving.photos import EXAMPLE_PHOTO, PhotoSource
from ganray.serving.priority import give_way
from ganray.serving.turns import Turns


class CheckRequest(Body):
    """A picture to check."""

    image: str = Field(min_length=1, description="the picture: a data: URL, or a key under the server's source")
    profile: Text = Field("amazon-main", description="name of a profile; GET /v1/profiles lists them")
    kind: Text = Field("", description="kind of goods, where the profile tells kinds apart, e.g. apparel")
    day: Annotated[str, Field(max_length=10)] = Field("", description="YYYY-MM-DD: by the rules of that day; empty = today")

    @field_validator("day")
    @classmethod
    def _check_day(cls, value: str) -> str:
        if value:
            date.fromisoformat(value)
        return value


class CheckService:
    """Checks as many pictures at a time as it has threads, each with a child process of its own."""

    def __init__(self, source: PhotoSource, threads: int, max_pixels: int) -> None:
        self._source, self._max_pixels = source, max_pixels
        self._threads, self._local, self._turns = ThreadPoolExecutor(threads, "check", give_way), threading.local(), Turns(threads)

    async def answer(self, request: CheckRequest, files: Mapping[str, bytes], context: RequestContext) -> dict[str, Any]:
        """The report as JSON, when it is the caller's turn. Raises RequestError for an unknown profile or kind."""
        require_profile(request.profile)
        day = date.fromisoformat(request.day) if request.day else date.today()
        profile(request.profile).on(day, request.kind)
        async with self._turns.turn(context):
            report, mend = await asyncio.get_running_loop().run_in_executor(self._threads, self._check, request, day, files)
        return _report_json(report, mend)

    def _check(self, request: CheckRequest, day: date, files: Mapping[str, bytes]) -> tuple[Report, list[str]]:
        rules = profile(request.profile)
        data = self._source.read(request.image, files)
        if not hasattr(self._local, "child"):
            self._local.child = served_sandbox(self._max_pixels)
        child: Sandbox = self._local.child
        (answer,) = child.map([with_header(data, rules, request.profile, day, request.kind)])
        report, mend, _ = checked(answer, rules, day, request.kind)
        return report, mend


def add_check(app: FastAPI, service: CheckService) -> None:
    """Add the path to the app."""

    @app.post(
        "/v1/check",
        responses=_openapi_responses(),
        openapi_extra=body_of(CheckRequest, {"image": EXAMPLE_PHOTO, "profile": "amazon-main"}, form=True),
    )
    async def check(http: Request) -> dict[str, Any]:
        """Check a picture: every rule with what was found, what is wanted and what mends it, and the chain that corrects the picture."""
        request, files = await read_form(http, CheckRequest)
        return await service.answer(request, files, context_of(http.scope))


def _report_json(report: Report, mend: list[str]) -> dict[str, Any]:
    findings = [{**finding.model_dump(mode="json", exclude={"ok"}), "state": _state(finding)} for finding in report.findings]
    head = report.model_dump(mode="json", exclude={"findings"})
    return {**head, "ok": report.passed, "findings": findings, "mending": mend}


def _state(finding: Finding) -> str:
    if finding.ok is None:
        return "not checked"
    if finding.ok:
        return "ok"
    return "fails" if finding.fails else "advice"


def _openapi_responses() -> dict[int | str, dict[str, Any]]:
    return {
        200: {"description": "The report: `ok`, the findings, and the chain of edits that mends them"},
        400: {"description": "An unknown profile or kind, or a key that is not among the server's photos"},
        413: {"description": "The body is too large"},
        415: {"description": "The Content-Type is neither application/json nor multipart/form-data"},
        422: {"description": "The body is not a valid request"},
        503: {"description": "Too many requests are in progress; see Retry-After"},
    }
