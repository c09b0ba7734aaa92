"""One line of the page."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class State(IntEnum):
    """How bad it is; the page shows the worst first."""

    OK = 0
    NOTE = 1
    PROBLEM = 2

    @property
    def word(self) -> str:
        """As the page and the JSON have it: a problem can be seen, and searched for."""
        return self.name if self is State.PROBLEM else self.name.lower()


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what mends it. A problem always has a remedy."""

    name: str
    state: State
    text: str
    remedy: str = ""


def ok(name: str, text: str) -> Finding:
    """Nothing to do."""
    return Finding(name, State.OK, text)


def note(name: str, text: str, remedy: str = "") -> Finding:
    """ganray works, but slower than it could, or not everything of it."""
    return Finding(name, State.NOTE, text, remedy)


def problem(name: str, text: str, remedy: str) -> Finding:
    """Commands fail for it, or waste what is paid for."""
    return Finding(name, State.PROBLEM, text, remedy)
