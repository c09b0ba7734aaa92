import numpy as np
import pytest

from ganray.catalog.order import Window
from ganray.catalog.reader import Catalog
from ganray.catalog.windows import Source, catalog_order, joined, packed, read_bytes, read_window, unpacked
from ganray.config import DataConfig
from ganray.errors import CatalogError

DATA = DataConfig(window=48, flip=False)


@pytest.fixture(scope="module")
def catalog(small_catalog):
    return Catalog.open(small_catalog)


def test_windows_travel_as_text():
    given = [Window(1, ((0, 2), (1, 3)), 32, (7, 1, 0)), Window(2, ((0, 0),), 16, (7, 2, 1))]
    assert unpacked(packed(given)) == given


def test_a_window_has_the_photos_and_labels_of_its_row_groups_shuffled_the_same_each_time(catalog):
    source = Source.of(catalog, ["category"], DATA, seed=3)
    window = Window(0, ((0, 1), (1, 4)), 32, (3, 0, 0))
    images, labels = read_window(source, window)
    again = read_window(source, window)
    assert np.array_equal(images, again[0]) and np.array_equal(labels, again[1])
    tables = [catalog.read_row_group(shard, group, ["image", "attr:category"]) for shard, group in window.groups]
    expected = {
        (photo.tobytes(), label)
        for table in tables
        for photo, label in zip(catalog.images(table), catalog.labels(table, ["category"])[:, 0].tolist(), strict=True)
    }
    assert {(photo.tobytes(), label) for photo, label in zip(images, labels[:, 0].tolist(), strict=True)} == expected
    other = read_window(source, Window(0, window.groups, 32, (3, 0, 1)))
    assert not np.array_equal(images, other[0])


def test_lanes_make_windows_smaller(catalog):
    assert read_bytes(Source.of(catalog, (), DATA, 0)) == 48 * 3 * 32**2
    largest = {lanes: max(window.rows for window in catalog_order(Source.of(catalog, (), DATA, 0, lanes)).epoch(0)) for lanes in (1, 3)}
    assert largest == {1: 48, 3: 16}


def test_a_catalog_that_was_replaced_is_an_error(catalog):
    source = Source(catalog.url, "sha256:other", (), DATA, 0)
    with pytest.raises(CatalogError, match="was replaced while it was read"):
        read_window(source, Window(0, ((0, 0),), 16, (0, 0, 0)))


def test_a_single_array_is_not_copied():
    first, second = np.zeros(2), np.ones(1)
    assert joined([first]) is first
    assert joined([first, second]).tolist() == [0, 0, 1]
