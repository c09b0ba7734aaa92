import numpy as np
import pytest

from ganray.catalog.reader import Catalog
from ganray.catalog.search_groups import photo_at
from ganray.evaluation.value_pairs import ATTRIBUTES, PAIRS, VALUES, chosen_samples, photos_at, places_of, with_photos
from ganray.metrics import pair_sheet

VOCABULARY = {"colour": ("blue", "red"), "category": ("cap", "hat", "mug")}
LABELS = np.array([[0, 2], [1, 0], [0, 2], [1, 2], [0, 2], [1, 2], [0, 2]])


def accuracy(*values, generated=0.5):
    return {"generated": generated, "photos": 0.9, "values": dict.fromkeys(values)}


def test_the_first_samples_of_each_value_in_the_report_s_order():
    report = {"colour": accuracy("red", "blue"), "category": accuracy("mug", "hat", "cap")}
    chosen = chosen_samples(report, VOCABULARY, LABELS)
    assert list(chosen) == ["category", "colour"]
    assert list(chosen["category"].items()) == [("mug", [0, 2, 3, 4]), ("cap", [1])]  # no hat was asked for
    assert list(chosen["colour"].items()) == [("red", [1, 3, 5]), ("blue", [0, 2, 4, 6])]
    assert places_of(chosen) == [0, 1, 2, 3, 4, 5, 6]


def test_what_nothing_was_drawn_for_is_not_shown():
    assert chosen_samples({"colour": accuracy("red", "blue", generated=None)}, VOCABULARY, LABELS) == {}


def test_attributes_values_and_pairs_are_bounded():
    values = tuple(f"v{place:03}" for place in range(100))
    vocabulary = {f"a{place}": values for place in range(6)}
    labels = np.repeat(np.arange(1000)[:, None] % 100, 6, axis=1)
    chosen = chosen_samples({name: accuracy(*values) for name in vocabulary}, vocabulary, labels)
    assert len(chosen) == ATTRIBUTES
    assert {len(samples) for samples in chosen.values()} == {VALUES}
    assert {len(places) for samples in chosen.values() for places in samples.values()} == {PAIRS}


@pytest.mark.parametrize("tile", [96, 16])
def test_photos_are_those_of_the_search_and_small(small_catalog, monkeypatch, tile):
    monkeypatch.setattr("ganray.evaluation.value_pairs.TILE", tile)
    catalog = Catalog.open(small_catalog)
    groups, reads = catalog.row_groups()[1:], []
    read = Catalog.read_row_group
    monkeypatch.setattr(Catalog, "read_row_group", lambda self, *args: reads.append(args[:2]) or read(self, *args))
    photos = dict(photos_at(catalog, groups, [40, 3, 7, 3]))
    assert sorted(photos) == [3, 7, 40]
    assert len(reads) == len(set(reads)) == 2  # 3 and 7 lie in one row group
    if tile == 96:
        assert all(np.array_equal(photo, photo_at(catalog, groups, place)) for place, photo in photos.items())
    else:
        assert {photo.shape for photo in photos.values()} == {(16, 16, 3)}


def test_each_sample_lies_beside_its_nearest_photo():
    samples = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    photos = {9: samples[0] + 90, 5: samples[0] + 50}
    pairs = with_photos({"colour": {"red": [2, 0]}}, samples, np.array([5, 0, 9]), photos)["colour"]["red"]
    assert [(int(image[0, 0, 0]), int(photo[0, 0, 0])) for image, photo in pairs] == [(2, 90), (0, 50)]
    assert pair_sheet.strip(pairs, 4).shape[0] == 4
