"""What a measurement says about one rule."""

from __future__ import annotations

from typing import NamedTuple

CERTAIN, LIKELY, CLEAR, UNKNOWN = "certain", "likely", "clear", "unknown"


class Evidence(NamedTuple):
    """`strength`: `certain` fails a picture where the profile says must, `likely` is advice, `clear` is no fault, `unknown` means that it
    could not be measured, and `found` says why. `found` is for a person."""

    strength: str
    found: str

    @property
    def fault(self) -> bool:
        """Whether there is a fault, certain or likely."""
        return self.strength in (CERTAIN, LIKELY)


def strongest(*several: Evidence) -> Evidence:
    """The first one of the strongest kind; a fault outweighs what could not be measured, which outweighs no fault."""
    return min(several, key=lambda each: (CERTAIN, LIKELY, UNKNOWN, CLEAR).index(each.strength))
