"""A store that does not answer for a while: what it was asked is asked again, with pauses, and a person is told once."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from ganray.errors import StorageError, StoreUnavailable

A = TypeVar("A")
T = TypeVar("T")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
PATIENCE_S = 600.0  # until a store that fails is given up


def limit_patience(seconds: float) -> None:
    """Give a store up after so long in this process: for a worker whose work others can do."""
    global PATIENCE_S  # noqa: PLW0603
    PATIENCE_S = seconds


def pauses() -> Iterator[float]:
    """Seconds to wait before the next attempt, without end."""
    pause = FIRST_PAUSE_S
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE_S)


def retry_while_unavailable(
    act: Callable[[], T],
    what: str,
    say: Callable[[str], None],
    errors: tuple[type[StorageError], ...] = (StorageError, StoreUnavailable),
) -> T:
    """`act()`, again while it raises just one of these errors: not where something is absent, refused or damaged.

    Raises what `act` raises, at the end of the patience too.
    """
    started, told = time.monotonic(), False
    for pause in pauses():
        try:
            result = act()
            break
        except StorageError as error:
            if type(error) not in errors or time.monotonic() - started > PATIENCE_S:
                raise
            if not told:
                say(f"{what}: trying again: {error.message}")
            told = True
        time.sleep(pause)
    if told:
        say(f"{what}: done, after {time.monotonic() - started:.0f} s")
    return result


def patiently(what: str, work: Callable[..., T], *args: Any) -> T:
    """`work(*args)`, again while the store cannot be reached."""
    return retry_while_unavailable(partial(work, *args), what, say, (StoreUnavailable,))


@dataclass(frozen=True)
class Patient(Generic[A, T]):
    """Work on one thing at a time, done again while the store cannot be reached. The work may be begun twice; a full store ends it."""

    work: Callable[[A], T]
    what: str

    def __call__(self, thing: A) -> T:
        """See `retry_while_unavailable`."""
        return patiently(self.what, self.work, thing)


def start_patiently(start: Callable[[], Callable[[A], T]], what: str) -> Patient[A, T]:
    """What `start` makes, which is done patiently."""
    return Patient(patiently(what, start), what)


def say(text: str) -> None:
    """Tell a person; in a worker of a cluster its log."""
    print(text, file=sys.stderr, flush=True)
