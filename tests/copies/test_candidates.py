import numpy as np
import pytest

from ganray.copies import candidates
from ganray.copies.candidates import FLOOR, NEAREST, HashBands, NearestEmbeddings


def keys(num: int, families: int, seed: int = 0) -> np.ndarray:
    """Embeddings of families whose members are near each other, as bytes."""
    rng = np.random.default_rng(seed)
    middles = rng.normal(size=(families, 128))
    rows = middles[rng.integers(0, families, num)] + 0.1 * rng.normal(size=(num, 128))
    return np.clip(np.rint(rows * 30), -127, 127).astype(np.int8).view(np.uint8)


def found(search, places, low, high, kept) -> set[tuple[int, int]]:
    num = len(kept)
    codes = np.concatenate([np.zeros(0, np.int64), *search.pairs(np.asarray(places, np.int32), low, high, kept)])
    return {(code % num, code // num) for code in codes.tolist()}


def by_hand(rows: np.ndarray, places, low, high, kept) -> set[tuple[int, int]]:
    vectors = rows.view(np.int8).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = set()
    for later in places:
        earlier = [place for place in range(low, min(high, later)) if kept[place]]
        best = sorted(earlier, key=lambda place: -(vectors[place] @ vectors[later]))[:NEAREST]
        pairs |= {(place, later) for place in best if vectors[place] @ vectors[later] >= FLOOR}
    return pairs


def test_the_nearest_earlier_kept_ones_are_found():
    rows, kept = keys(120, 30), np.random.default_rng(1).random(120) < 0.7
    search = NearestEmbeddings(rows)
    assert found(search, range(120), 0, 120, kept) == by_hand(rows, range(120), 0, 120, kept)
    assert found(search, range(60, 90), 10, 50, kept) == by_hand(rows, range(60, 90), 10, 50, kept)
    assert found(search, [], 0, 120, kept) == set() and len(by_hand(rows, range(120), 0, 120, kept)) > 60


def test_what_is_found_for_a_photo_does_not_depend_on_the_others(monkeypatch):
    rows, kept = keys(120, 30), np.ones(120, bool)
    whole = found(NearestEmbeddings(rows), range(100, 120), 0, 100, kept)
    monkeypatch.setattr(candidates, "ROWS", 3)
    one_by_one = [found(NearestEmbeddings(rows), [place], 0, 100, kept) for place in range(100, 120)]
    assert set().union(*one_by_one) == whole


def test_a_large_range_is_searched_in_cells(monkeypatch):
    """The nearest ones of a family lie in the cells that are probed."""
    rows, kept = keys(900, 200), np.ones(900, bool)
    exhaustive = found(NearestEmbeddings(rows), range(600, 900), 0, 600, kept)
    monkeypatch.setattr(candidates, "EXHAUSTIVE", 100)
    in_cells = found(NearestEmbeddings(rows), range(600, 900), 0, 600, kept)
    assert len(exhaustive) > 300 and len(in_cells & exhaustive) / len(exhaustive) > 0.95


def test_a_blank_embedding_is_like_nothing():
    rows = np.zeros((3, 128), np.uint8)
    assert found(NearestEmbeddings(rows), range(3), 0, 3, np.ones(3, bool)) == set()


@pytest.mark.parametrize("bits", [0, 1, 4, 7])
def test_hashes_that_differ_in_up_to_seven_bits_are_found(bits):
    rows = np.zeros((2, 16), np.uint8)
    flips = np.zeros(64, np.uint8)
    flips[:: 64 // max(1, bits)][:bits] = 1
    rows[1, :8] = np.packbits(flips)
    assert found(HashBands(rows), [0, 1], 0, 2, np.ones(2, bool)) == {(0, 1)}
