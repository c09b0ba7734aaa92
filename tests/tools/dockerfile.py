"""A Dockerfile as data: its stages and their steps, and what .dockerignore keeps out.

It reads what this repository's file uses of the language, and refuses the rest.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

KEYWORDS = {"ARG", "CMD", "COPY", "ENV", "FROM", "HEALTHCHECK", "LABEL", "RUN", "USER", "WORKDIR"}


@dataclass(frozen=True)
class Step:
    """An instruction: its keyword, its flags (`--from=wheel`) and the rest of its text, lines joined as Docker joins them."""

    keyword: str
    text: str
    flags: Mapping[str, str] = field(default_factory=dict)

    def words(self) -> list[str]:
        """The text as words, quotes removed."""
        return shlex.split(self.text)

    def pairs(self) -> dict[str, str]:
        """The text of ENV, ARG or LABEL as names and values; an ARG without a value has an empty one."""
        return {name: value for name, _, value in (word.partition("=") for word in self.words())}


@dataclass(frozen=True)
class Stage:
    """What one FROM begins: its name, the image or the stage it begins with, and its steps."""

    name: str
    base: str
    steps: tuple[Step, ...]


def read_stages(path: Path) -> dict[str, Stage]:
    """The stages of a Dockerfile by name. Every stage must have a name; an instruction that is not known here is a ValueError."""
    stages: dict[str, Stage] = {}
    for step in _steps(path.read_text()):
        if step.keyword == "FROM":
            base, named, name = step.words()
            if named.upper() != "AS":
                raise ValueError(f"a stage without a name: {step.text}")
            stages[name] = Stage(name, base, ())
        else:
            last = next(reversed(stages.values()))
            stages[last.name] = Stage(last.name, last.base, (*last.steps, step))
    return stages


def chain(stages: Mapping[str, Stage], target: str) -> list[Stage]:
    """The stages that a target is made of, the first one first: each begins with the one before it."""
    found = [stages[target]]
    while found[0].base in stages:
        found.insert(0, stages[found[0].base])
    return found


def list_value(step: Step) -> list[str]:
    """The words of a command that is written as a JSON list (CMD, HEALTHCHECK)."""
    return list(json.loads(step.text.removeprefix("CMD ")))


def _steps(text: str) -> list[Step]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", "", "\n".join(lines))
    return [_step(line) for line in joined.splitlines()]


def _step(line: str) -> Step:
    keyword, rest = line.split(maxsplit=1)
    if keyword not in KEYWORDS:
        raise ValueError(f"{keyword} is not read here: {line}")
    flags = {}
    while match := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
        flags[match[1]] = match[2]
        rest = rest[match.end() :]
    return Step(keyword, rest, flags)


def read_ignore(path: Path) -> list[str]:
    """The patterns of a .dockerignore."""
    return [line.strip() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]


def is_ignored(name: str, patterns: Sequence[str]) -> bool:
    """Whether Docker leaves a file out: the last pattern that matches it, or a folder above it, decides."""
    path, ignored = PurePosixPath(name), False
    places = [str(path), *(str(parent) for parent in path.parents if str(parent) != ".")]
    for pattern in patterns:
        expression = _expression(pattern.removeprefix("!").strip("/"))
        if any(expression.fullmatch(place) for place in places):
            ignored = not pattern.startswith("!")
    return ignored


def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    rules = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(rules.get(part, re.escape(part)) for part in parts))
