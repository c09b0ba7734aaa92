"""Mutations of small real files, drawn by hypothesis: bytes are flipped, overwritten, inserted, removed, repeated, and files are joined."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

MAX_BYTES = 1 << 20  # a file grows by repeated blocks
NUMBERS = (0, 1, -1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63)
TEXTS = (b"null", b"NaN", b"1e999", b"-1", b"1" * 5000, b'""', b"\\ud800", b"\xff", b"\0", b"[" * 20_000, b'{"a":' * 20_000, b"\r", b"'")
KINDS = ("flip", "put", "insert", "cut", "repeat", "end", "join")

Change = tuple[str, int, int, bytes]  # kind, place, length, value


def _numbers() -> st.SearchStrategy[bytes]:
    """A number that is often a limit, as lengths and offsets have it in files."""
    return st.builds(
        lambda number, width, order: (number % (1 << (8 * width))).to_bytes(width, order),
        st.sampled_from(NUMBERS),
        st.sampled_from((1, 2, 4, 8)),
        st.sampled_from(("little", "big")),
    )


def mutated(seeds: Sequence[bytes], tokens: Sequence[bytes] = ()) -> st.SearchStrategy[bytes]:
    """One of the files after up to six changes; `tokens` are words of its language. Half of the places are near the begin."""
    places = st.one_of(st.integers(0, 96), st.integers(0, MAX_BYTES))
    values = st.one_of(_numbers(), st.binary(max_size=6), st.sampled_from((*TEXTS, *tokens)))
    changes = st.tuples(st.sampled_from(KINDS), places, st.integers(1, 64), values)
    return st.builds(mutate, st.sampled_from(seeds), st.lists(changes, min_size=1, max_size=6), st.sampled_from(seeds))


def mutate(data: bytes, changes: Sequence[Change], other: bytes) -> bytes:
    """The file after the changes, at most MAX_BYTES; `other` is what it is joined with."""
    for kind, place, length, value in changes:
        at = place % (len(data) + 1)
        head, tail = data[:at], data[at:]
        if kind == "flip":
            data = head + bytes([tail[0] ^ 1 << length % 8]) + tail[1:] if tail else data
        elif kind == "put":
            data = head + value + tail[len(value) :]
        elif kind == "insert":
            data = head + value + tail
        elif kind == "cut":
            data = head + tail[length:]
        elif kind == "repeat":
            data = head + tail[:length] * (1 + place % 32) + tail
        elif kind == "end":
            data = head
        else:
            data = head + other[place % (len(other) + 1) :]
        data = data[:MAX_BYTES]
    return data
