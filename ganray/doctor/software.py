"""Versions that the nodes of a cluster must agree on, and the extras that are installed."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from ganray.doctor.finding import Finding, note, ok, problem
from ganray.execution.host import versions as versions_of_results

MISSING = "missing"
FOR_DEVELOPERS = ("dev", "bench")  # extras that no job needs
RAY_REMEDY = "pip install -c constraints.txt . (ray is one of ganray's own requirements); --executor local works without"


def software_versions() -> dict[str, str]:
    """Of this process: what results depend on (`host.versions`, which each command compares before it works), and what else travels."""
    return {"python": platform.python_version(), "ray": _version("ray"), **versions_of_results(), "pyarrow": _version("pyarrow")}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return MISSING


def version_findings(versions: Mapping[str, str]) -> list[Finding]:
    """The line of the versions of one machine."""
    text = ", ".join(f"{name} {number}" for name, number in versions.items())
    if missing := [name for name, number in versions.items() if number == MISSING]:
        if missing == ["ray"]:
            return [note("versions", f"{text}: without Ray everything runs in one process", RAY_REMEDY)]
        return [problem("versions", text, f"Install {', '.join(missing)}: pip install -c constraints.txt .")]
    return [ok("versions", text)]


def extras() -> dict[str, bool]:
    """Each extra of ganray, and whether all that it asks for is installed; empty where ganray runs from its sources, not installed."""
    try:
        names = metadata("ganray").get_all("Provides-Extra") or []
        asked = requires("ganray") or []
    except PackageNotFoundError:
        return {}
    return has_extras([name for name in names if name not in FOR_DEVELOPERS], asked, lambda name: _version(name) != MISSING)


def has_extras(names: Iterable[str], asked: Iterable[str], installed: Callable[[str], bool]) -> dict[str, bool]:
    """The extras by the requirements of a package's metadata, such as `onnx>=1.20; extra == "export"`."""
    found = {}
    for name in names:
        marked = [text for text in asked if re.search(rf"extra\s*==\s*['\"]{re.escape(name)}['\"]", text)]
        found[name] = all(installed(re.split(r"[^\w.-]", text, maxsplit=1)[0]) for text in marked)
    return found


def extras_findings(found: Mapping[str, bool]) -> list[Finding]:
    """The line of the extras: none of them is needed by everybody."""
    if not found:
        return []
    has = ", ".join(name for name, there in found.items() if there) or "none"
    absent = ", ".join(name for name, there in found.items() if not there)
    return [ok("extras", f"{has}{f'; without {absent}' if absent else ''}")]


def disagreements(mine: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """What differs, as `torch 2.13.0, here 2.12.0`. Ray wants equal patch versions of Python too."""
    return [f"{name} {theirs.get(name, MISSING)}, here {number}" for name, number in mine.items() if theirs.get(name, MISSING) != number]
