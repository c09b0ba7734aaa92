"""The audit log: who asked for what, when, and how it ended; one JSON line a request. No pixels, titles, attributes or keys.

A thread writes, so that a full or slow disk never keeps an answer waiting. Lines that cannot be written are counted; the next line that can
be tells how many.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import queue
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganray.errors import ConfigError

# What a line may have; nothing else is written, whatever a caller hands over.
FIELDS = (
    *("time", "request", "key", "tenant", "method", "route", "status", "error", "model", "images", "bytes_in", "bytes", "ms"),
    "dropped",  # lines before this one that could not be written
)
WAITING, AT_ONCE = 10_000, 500  # lines that wait, and that one write has
MAX_TEXT = 200  # characters of a value
MODE = 0o640
CLOSE_S = 5.0


class Audit:
    """Appends rows to a file, made anew where logrotate has moved it away. Several processes may append to one file."""

    def __init__(self, path: str) -> None:
        """Raises ConfigError where the file cannot be written."""
        self._path = Path(path).expanduser()
        self._rows: queue.Queue[dict[str, Any] | None] = queue.Queue(WAITING)
        self._refused = 0  # lines that found no place in the queue; counted by those who write
        self._unwritten = 0  # lines that the disk did not take; counted by the thread
        self._file, self._torn = -1, False
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._reopen_if_moved()
        except OSError as error:
            raise ConfigError(f"audit: {path}: {error.strerror}", "Name a file that can be written") from error
        self._thread = threading.Thread(target=self._write_all, name="audit", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def dropped(self) -> int:
        """Lines that are not in the file."""
        return self._refused + self._unwritten

    def write(self, row: Mapping[str, Any]) -> None:
        """Take a row, of which FIELDS are written; returns at once."""
        try:
            self._rows.put_nowait(dict(row))
        except queue.Full:
            self._refused += 1

    def close(self, seconds: float = CLOSE_S) -> None:
        """Write what waits, and end; idempotent. A disk that hangs is waited for that long."""
        atexit.unregister(self.close)
        if self._thread.is_alive():
            try:
                self._rows.put(None, timeout=seconds)
            except queue.Full:
                return
            self._thread.join(seconds)

    def _write_all(self) -> None:
        reported = 0  # of the dropped ones
        failing = False
        while batch := self._next():
            dropped = self.dropped
            if dropped > reported:
                batch[0]["dropped"] = dropped - reported
            written, problem = self._append(batch)
            self._unwritten += len(batch) - written
            if written:
                reported = dropped
            if problem and not failing:
                logging.getLogger(__name__).error("audit: %s: %s: lines are lost until it can be written", self._path, problem)
            failing = bool(problem)
        if self._file >= 0:
            os.close(self._file)

    def _next(self) -> list[dict[str, Any]]:
        """The rows that wait, at least one; none at the end."""
        rows: list[dict[str, Any]] = []
        while len(rows) < AT_ONCE and (not rows or not self._rows.empty()):
            row = self._rows.get()
            if row is None:
                if rows:
                    self._rows.put(None)
                break
            rows.append(row)
        return rows

    def _append(self, rows: list[dict[str, Any]]) -> tuple[int, str]:
        """Write lines by one call, which the system does not mix with those of other processes: how many are whole, and what is wrong."""
        try:
            self._reopen_if_moved()
            begin = b"\n" if self._torn else b""  # ends a line that was cut
            data = begin + "".join(map(_line, rows)).encode()
            written = data[: os.write(self._file, data)]
        except OSError as error:
            return 0, str(error.strerror)
        self._torn = not written.endswith(b"\n")
        return max(0, written.count(b"\n") - len(begin)), "the disk is full" if len(written) < len(data) else ""

    def _reopen_if_moved(self) -> None:
        if self._file >= 0:
            try:
                if os.path.samestat(os.fstat(self._file), self._path.stat()):
                    return
            except FileNotFoundError:
                pass
            os.close(self._file)
            self._file = -1
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
        self._torn = False


def _line(row: Mapping[str, Any]) -> str:
    """One line of JSON; line breaks within values are escaped."""
    return json.dumps({name: _plain(row[name]) for name in FIELDS if name in row}) + "\n"


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float) else str(value)[:MAX_TEXT]
