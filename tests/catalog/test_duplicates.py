import dataclasses

import numpy as np
import pytest

from ganray.catalog import duplicates
from ganray.catalog.duplicates import exact, near
from ganray.copies import candidates
from ganray.copies.fingerprints import BYTES, MAX_BITS
from ganray.copies.methods import METHODS
from ganray.copies.search import CopySearch


def test_exact_names_the_first():
    digests = np.array([[5, 1], [3, 3], [5, 2], [5, 1], [3, 3], [3, 3], [0, 0]], np.uint64)
    assert exact(digests.T).tolist() == [-1, -1, -1, 0, 1, 1, -1]
    assert exact(np.zeros((2, 0), np.uint64)).tolist() == []
    assert exact(np.zeros((2, 3), np.uint64)).tolist() == [-1, 0, 0]
    some = np.random.default_rng(0).integers(0, 12, (2, 500)).astype(np.uint64)
    assert exact(some).tolist() == by_hand(some.T, lambda left, right: (some[:, left] == some[:, right]).all())


def searched(records, alike=None) -> CopySearch:
    """A search by fingerprints, perhaps with another verdict on pairs."""
    method = METHODS["fingerprint"]
    method = dataclasses.replace(method, alike=alike) if alike else method
    return CopySearch(method, np.ascontiguousarray(records[:, :16]), lambda places: records[places])


def by_hand(hashes, same) -> list[int]:
    """The definition: in order, each is left out for the first kept one that is the same."""
    kept: list[int] = []
    first = []
    for place in range(len(hashes)):
        original = next((other for other in kept if same(other, place)), -1)
        first.append(original)
        if original < 0:
            kept.append(place)
    return first


@pytest.fixture(scope="module")
def crowd():
    """3,000 records: families that differ in a few bits of the hash, of which byte 16 says whether they are the same; and by the
    definition the first that each is the same as."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 1 << 63, 300, np.uint64)[rng.integers(0, 300, 3000)]
    for _ in range(3):
        hashes ^= np.where(rng.random(3000) < 0.6, np.uint64(1) << rng.integers(0, 64, 3000).astype(np.uint64), np.uint64(0))
    records = np.full((3000, BYTES), 128, np.uint8)
    records[:, :8] = hashes.astype(">u8").view(np.uint8).reshape(-1, 8)
    records[:, 16] = rng.integers(0, 2, 3000) * 100
    close = np.bitwise_count(hashes[:, None] ^ hashes) <= MAX_BITS
    same = close & (records[:, None, 16] == records[:, 16])
    return records, by_hand(hashes, lambda earlier, later: same[earlier, later])


@pytest.mark.parametrize(("chunk", "block"), [(2048, 1 << 21), (100, 1 << 21), (7, 50), (3000, 1)])
def test_near_is_its_definition_whatever_the_chunks_and_blocks(crowd, monkeypatch, chunk, block):
    monkeypatch.setattr(duplicates, "CHUNK", chunk)
    monkeypatch.setattr(candidates, "BLOCK", block)
    records, expected = (part[: {1: 200, 50: 1000}.get(block, 3000)] for part in crowd)  # small blocks are slow
    first = near(searched(records, lambda left, right: left[:, 16] == right[:, 16]))
    assert first.tolist() == expected
    assert 100 < (first < 0).sum() < 900 or block == 1


def test_a_chain_does_not_add_up():
    """Each is like its neighbour; only what is like a kept one goes."""
    records = np.full((10, BYTES), 128, np.uint8)
    records[:, :8] = 0
    records[:, 20] = 3 * np.arange(10)
    search = searched(records, lambda left, right: np.abs(left[:, 20].astype(int) - right[:, 20]) <= 5)
    assert near(search).tolist() == [-1, 0, -1, 2, -1, 4, -1, 6, -1, 8]


def test_tints_keep_colours_apart():
    records = np.full((2, BYTES), 128, np.uint8)
    records[:, :8] = 0
    records[1, 8] += 13
    assert near(searched(records, lambda left, right: left[:, 0] == right[:, 0])).tolist() == [-1, -1]


def test_one_bucket_for_all_is_done_in_blocks(monkeypatch):
    held = []
    real = candidates._blocks

    def blocks(begin, end):
        for some, rows in real(begin, end):
            held.append(len(some))
            yield some, rows

    monkeypatch.setattr(candidates, "_blocks", blocks)
    monkeypatch.setattr(candidates, "BLOCK", 3_000)
    monkeypatch.setattr(duplicates, "CHUNK", 500)
    monkeypatch.setattr(candidates, "FLIPS", (0,))
    records = np.full((1500, BYTES), 128, np.uint8)
    records[:, :8] = 7
    records[:, 8:16] = np.random.default_rng(0).integers(0, 256, (1500, 8)).astype(np.uint8)
    near(searched(records))
    assert max(held) <= 3_000
