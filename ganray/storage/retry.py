"""A store that does not answer for a while: what it was asked is asked again, with pauses, and a person is told once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from ganray.errors import StorageError

T = TypeVar("T")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
PATIENCE_S = 600.0  # until a store that fails is given up


def pauses() -> Iterator[float]:
    """Seconds to wait before the next attempt, without end."""
    pause = FIRST_PAUSE_S
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE_S)


def retry_while_unavailable(act: Callable[[], T], what: str, say: Callable[[str], None]) -> T:
    """`act()`, again while the store fails: not where something is absent, refused or damaged, which time does not mend.

    Raises what `act` raises, at the end of the patience too.
    """
    started, told = time.monotonic(), False
    for pause in pauses():
        try:
            result = act()
            break
        except StorageError as error:
            if type(error) is not StorageError or time.monotonic() - started > PATIENCE_S:
                raise
            if not told:
                say(f"{what}: trying again: {error.message}")
            told = True
        time.sleep(pause)
    if told:
        say(f"{what}: done, after {time.monotonic() - started:.0f} s")
    return result
