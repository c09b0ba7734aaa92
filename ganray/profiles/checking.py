"""Check one file in a separate process (`images/sandbox.py`), so that a crashing decoder is a finding."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from functools import lru_cache
from io import BytesIO
from typing import Any

from PIL import Image

from ganray.errors import ImageError
from ganray.images.codec import Limits, decode
from ganray.images.sandbox import Sandbox
from ganray.images.untrusted import allowance
from ganray.profiles.checker import LIMITS, check, unreadable
from ganray.profiles.mending import mending
from ganray.profiles.profile import Profile
from ganray.profiles.report import Report

THUMBNAIL = 112  # pixels


def sandbox(profile: Profile, name: str, day: date | None, kind: str, max_pixels: int = LIMITS.max_pixels) -> Sandbox:
    """A child process that checks pictures; `name` is the profile's name in the chains that mend them."""
    options = {"profile": profile.model_dump_json(), "name": name, "day": day.isoformat() if day else "", "kind": kind}
    limits = replace(LIMITS, max_pixels=max_pixels)
    return Sandbox(f"{__name__}:check_in_child", options | {"max_pixels": max_pixels}, **allowance(limits, 60, 240.0))


def check_in_child(data: bytes, *, profile: str, name: str, day: str, kind: str, max_pixels: int) -> tuple[bytes, dict[str, Any]]:
    """A thumbnail (JPEG, empty for an unreadable file), and the report with the chain that would correct the picture."""
    rules, limits = _profile(profile), replace(LIMITS, max_pixels=max_pixels)
    report = check(data, rules, day=date.fromisoformat(day) if day else None, kind=kind, limits=limits)
    return _thumbnail(data, limits), {"report": report.model_dump(mode="json"), "mend": mending(report, rules, name)}


def served_sandbox(max_pixels: int = LIMITS.max_pixels) -> Sandbox:
    """A child process that checks pictures against any profile: each picture comes behind a header that names its own (`with_header`)."""
    limits = replace(LIMITS, max_pixels=max_pixels)
    return Sandbox(f"{__name__}:check_with_header", {"max_pixels": max_pixels}, **allowance(limits, 60, 240.0))


def with_header(data: bytes, profile: Profile, name: str, day: date | None, kind: str) -> bytes:
    """A picture behind what it is to be checked against."""
    head = {"profile": profile.model_dump_json(), "name": name, "day": day.isoformat() if day else "", "kind": kind}
    return json.dumps(head).encode() + b"\n" + data


def check_with_header(data: bytes, *, max_pixels: int) -> tuple[bytes, dict[str, Any]]:
    """As `check_in_child`, of a picture behind a header."""
    head, _, picture = data.partition(b"\n")
    return check_in_child(picture, **json.loads(head), max_pixels=max_pixels)


def checked(
    answer: tuple[bytes, dict[str, Any]] | ImageError, profile: Profile, day: date | None, kind: str
) -> tuple[Report, list[str], bytes]:
    """The report, the chain that would correct the picture and the thumbnail from a child's answer. A child that died is a finding."""
    if isinstance(answer, ImageError):
        return unreadable(answer, profile, day, kind), [], b""
    thumbnail, note = answer
    return Report.model_validate(note["report"]), note["mend"], thumbnail


@lru_cache(maxsize=1)
def _profile(text: str) -> Profile:
    return Profile.model_validate_json(text)


def _thumbnail(data: bytes, limits: Limits) -> bytes:
    try:
        image = decode(data, limits, side=THUMBNAIL).image
    except ImageError:
        return b""
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC, reducing_gap=3.0)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
