"""Chains of edits that come over HTTP: a profile in them is one of ganray's own.

`conform` takes the path of a file, too. From a client that would be a file of the server's, and the error would tell what is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ganray.errors import RequestError
from ganray.profiles import PROFILES


def check_profiles(edits: Iterable[str | Mapping[str, Any]]) -> None:
    """Raise RequestError for a chain that names a profile that is none of ganray's own. Opens no file."""
    for name in filter(None, map(_profile_of, edits)):
        require_profile(name)


def require_profile(name: str) -> None:
    """Raise RequestError for a profile that is none of ganray's own."""
    if name not in PROFILES():
        raise RequestError(f"profile {name[:60]!r} is unknown", f"Use one of {', '.join(PROFILES())}")


def _profile_of(edit: str | Mapping[str, Any]) -> str:
    """The profile that an edit names; empty where it names none."""
    if isinstance(edit, str):
        name, _, value = edit.partition(":")
        return value.strip() if name.strip() == "conform" else ""
    value = edit.get("conform", "")
    return str(value.get("profile", "") if isinstance(value, Mapping) else value or "")
