import numpy as np
import pytest
from PIL import Image

from ganray.copies import search
from ganray.copies.methods import METHODS
from ganray.copies.search import CopySearch, find_copies
from ganray.images.transforms import square_pad
from tests.tools.copy_methods import BOTH
from tests.tools.scenes import jpeg, scene


def records(method: str, images: list[Image.Image]) -> np.ndarray:
    return METHODS[method].records([(np.asarray(square_pad(image, 64)), image.size) for image in images])


@pytest.mark.parametrize("method", BOTH)
def test_planted_copies_are_found_and_others_are_not(method, monkeypatch):
    references = records(method, [scene(seed) for seed in range(20)])
    queries = records(method, [jpeg(scene(seed), 50) for seed in (7, 3)] + [scene(seed) for seed in (100, 101)])
    assert find_copies(method, references, queries).tolist() == [7, 3, -1, -1]
    assert [find_copies(method, references, queries[place : place + 1])[0] for place in range(4)] == [7, 3, -1, -1]
    monkeypatch.setattr(search, "SLAB", 6)
    assert find_copies(method, references, queries).tolist() == [7, 3, -1, -1]
    assert find_copies(method, references[:0], queries).tolist() == [-1] * 4
    assert find_copies(method, references, queries[:0]).tolist() == []


@pytest.mark.parametrize("method", BOTH)
def test_pairs_are_the_same_whatever_is_compared_at_a_time(method, monkeypatch):
    rows = records(method, [jpeg(scene(seed % 8), 60 + seed) for seed in range(24)])
    keys = np.ascontiguousarray(rows[:, : METHODS[method].key_bytes])
    places, kept = np.arange(24, dtype=np.int32), np.ones(24, bool)
    whole = CopySearch(METHODS[method], keys, rows.__getitem__).pairs(places, 0, 24, kept)
    assert len(whole) >= 16 and (whole[:, 0] < whole[:, 1]).all() and (whole[:, 0] % 8 == whole[:, 1] % 8).all()
    monkeypatch.setattr(search, "PAIRS", 5)
    np.testing.assert_array_equal(CopySearch(METHODS[method], keys, rows.__getitem__).pairs(places, 0, 24, kept), whole)
