"""Finds ids that come twice among many millions: 8 bytes an id, in memory for the first million, then in a temporary file."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from ganray.errors import RequestError

RUN = 1 << 20  # ids that are kept in memory, and then written together, sorted
RANGES = 256  # of hash values; one is compared at a time


class HasId(Protocol):
    """A request."""

    @property
    def id(self) -> str:
        """Its name."""


class DuplicateIds:
    """Takes ids one by one. A sorted run of hashes is cut by ranges when it is written, so that each range is read alone."""

    def __init__(self) -> None:
        self._hashes = bytearray()
        self._file: IO[bytes] | None = None
        self._cuts: list[NDArray[np.int64]] = []  # of each run: where each range begins, and the end

    def __len__(self) -> int:
        return len(self._cuts) * RUN + len(self._hashes) // 8

    def __del__(self) -> None:
        with suppress(AttributeError):
            if self._file is not None:
                self._file.close()

    @staticmethod
    def hash(id: str) -> bytes:
        """What is kept of an id."""
        return hashlib.blake2b(id.encode(), digest_size=8).digest()

    def add(self, id: str) -> None:
        """Take one."""
        self._hashes += self.hash(id)
        if len(self._hashes) == 8 * RUN:
            self._spill()

    def twice(self) -> set[bytes]:
        """The hashes of those that came twice, and of hardly any other."""
        return {value.tobytes() for hashes in self._ranges() for value in hashes[1:][hashes[1:] == hashes[:-1]]}

    def check(self, source: Callable[[], Iterable[HasId]]) -> None:
        """Raise RequestError with the first id that comes twice."""
        suspects = self.twice()
        seen: dict[str, int] = {}
        for row, request in enumerate(source() if suspects else (), 1):
            if request.id in seen:
                raise RequestError(
                    f"request id {request.id!r} comes twice, in rows {seen[request.id]} and {row}", "Give every request its own id"
                )
            if self.hash(request.id) in suspects:
                seen[request.id] = row

    def _spill(self) -> None:
        hashes = np.sort(np.frombuffer(self._hashes, "<u8"))
        self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115
        self._file.seek(0, 2)
        self._file.write(hashes.tobytes())
        self._cuts.append(_cuts(hashes))
        self._hashes = bytearray()

    def _ranges(self) -> Iterator[NDArray[np.uint64]]:
        """The sorted hashes of each range of values."""
        rest = np.sort(np.frombuffer(bytes(self._hashes), "<u8"))
        if self._file is None:
            yield rest
            return
        cuts = _cuts(rest)
        for number in range(RANGES):
            parts = [self._read(run, *starts[number : number + 2].tolist()) for run, starts in enumerate(self._cuts)]
            yield np.sort(np.concatenate([*parts, rest[cuts[number] : cuts[number + 1]]]))

    def _read(self, run: int, start: int, stop: int) -> NDArray[np.uint64]:
        assert self._file is not None
        self._file.seek(8 * (run * RUN + start))
        return np.frombuffer(self._file.read(8 * (stop - start)), "<u8")


def _cuts(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where each range begins in sorted hashes, and the end: int64 [RANGES + 1]."""
    first = np.arange(RANGES, dtype=np.uint64) << np.uint64(64 - RANGES.bit_length() + 1)
    return np.append(np.searchsorted(hashes, first), len(hashes)).astype(np.int64)
