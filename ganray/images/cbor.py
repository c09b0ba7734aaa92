"""Read CBOR (RFC 8949), as C2PA assertions are written in it: data from outside, so depth and items are bounded.

It is a decoder of data alone: tags are dropped, their content stays, and keys that are not text are left out of maps.
"""

from __future__ import annotations

import struct
from typing import Any

MAX_DEPTH, MAX_ITEMS = 32, 100_000
BREAK = object()  # the end of an item of indefinite length
FLOATS = {25: ">e", 26: ">f", 27: ">d"}
CONSTANTS = {20: False, 21: True, 22: None, 23: None}


def load_cbor(data: bytes) -> Any:
    """The first item of `data`: int, float, bool, None, bytes, str, list or dict with text keys. Raises ValueError if it is broken or too
    large."""
    value = _Reader(data).item(MAX_DEPTH)
    if value is BREAK:
        raise ValueError("CBOR: an end without a beginning")
    return value


class _Reader:
    """Reads items one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._left = data, 0, MAX_ITEMS

    def item(self, depth: int) -> Any:
        """The next item, or BREAK."""
        self._left -= 1
        if depth < 0 or self._left < 0:
            raise ValueError("CBOR: too deep or too many items")
        (first,) = self._take(1)
        major, short = first >> 5, first & 31
        if major == 7:
            return self._simple(short)
        length = self._argument(short)
        if major in (0, 1):
            if length is None:
                raise ValueError("CBOR: an integer without a length")
            return length if major == 0 else -1 - length
        if major in (2, 3):
            return self._string(major, length, depth)
        if major == 4:
            return list(self._items(length, depth))
        if major == 5:
            flat = list(self._items(None if length is None else 2 * length, depth))
            return {key: value for key, value in zip(flat[::2], flat[1::2], strict=False) if isinstance(key, str)}
        return self.item(depth - 1)  # a tag's content

    def _simple(self, short: int) -> Any:
        if short in FLOATS:
            (value,) = struct.unpack(FLOATS[short], self._take(1 << (short - 24)))
            return value
        if short == 24:
            self._take(1)
        return BREAK if short == 31 else CONSTANTS.get(short)

    def _argument(self, short: int) -> int | None:
        """The number behind an initial byte; None for an indefinite length."""
        if short < 24:
            return short
        if short == 31:
            return None
        if short > 27:
            raise ValueError("CBOR: a reserved length")
        return int.from_bytes(self._take(1 << (short - 24)))

    def _string(self, major: int, length: int | None, depth: int) -> bytes | str:
        if length is None:
            parts = self._items(None, depth)
            if major == 2:
                return b"".join([part for part in parts if isinstance(part, bytes)])
            return "".join([part for part in parts if isinstance(part, str)])
        data = self._take(length)
        return data if major == 2 else data.decode(errors="replace")

    def _items(self, length: int | None, depth: int) -> list[Any]:
        items: list[Any] = []
        while length is None or len(items) < length:
            value = self.item(depth - 1)
            if value is BREAK:
                if length is not None:
                    raise ValueError("CBOR: an item ends early")
                break
            items.append(value)
        return items

    def _take(self, length: int) -> bytes:
        part = self._data[self._at : self._at + length]
        if len(part) < length:
            raise ValueError("CBOR: cut off")
        self._at += length
        return part
