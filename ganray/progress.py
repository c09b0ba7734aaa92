"""One progress bar for every long operation: what is happening, how fast, and when it will be done."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm


class Progress:
    """A bar on a terminal; a line every ten seconds (and one at the end) where output is a file or a job log."""

    def __init__(self, what: str, total: float, unit: str, stream: TextIO | None = None, start: float = 0.0) -> None:
        self._stream = stream or sys.stderr
        self._what, self._total, self._unit = what, total, unit
        self._done, self._start, self._note = start, start, ""
        self._started = self._printed = time.monotonic()
        self._shown = -1.0
        self._bar = (
            tqdm(
                total=total,
                initial=start,
                desc=what,
                unit=unit,
                file=self._stream,
                dynamic_ncols=True,
                smoothing=0.1,
                unit_scale=total >= 100_000,
            )
            if self._stream.isatty()
            else None
        )

    def update(self, done: float, note: str = "") -> None:
        """Add `done` units of finished work; `note` is shown behind the bar until the next one."""
        self._done += done
        self._note = note or self._note
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(done)
        elif time.monotonic() - self._printed >= 10.0:
            self._line()

    def close(self) -> None:
        """Finish the bar, or print the closing line."""
        if self._bar is not None:
            self._bar.close()
        elif self._shown != self._done:
            self._line()

    def _line(self) -> None:
        self._printed, self._shown = time.monotonic(), self._done
        seconds = max(self._printed - self._started, 1e-9)
        rate = (self._done - self._start) / seconds
        left = f"{(self._total - self._done) / rate:.0f} s" if rate > 0 else "unknown"
        eta = f", ETA {left}" if self._done < self._total else f", {seconds:.1f} s"
        note = f", {self._note}" if self._note else ""
        print(
            f"{self._what}: {self._done:.5g}/{self._total:.5g} {self._unit}, {rate:.4g} {self._unit}/s{eta}{note}",
            file=self._stream,
            flush=True,
        )


@contextmanager
def bar(what: str, total: float, unit: str) -> Iterator[Progress]:
    """`with bar("ingest", 3000, "img") as progress: progress.update(1)`."""
    progress = Progress(what, total, unit)
    try:
        yield progress
    finally:
        progress.close()
