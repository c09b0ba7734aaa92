import numpy as np
import pytest

from ganray.catalog.reader import Catalog
from ganray.catalog.search_groups import groups_to_search, photo_at


@pytest.fixture(scope="module")
def catalog(small_catalog):
    return Catalog.open(small_catalog)


def test_all_row_groups_are_searched_or_as_many_as_the_limit_allows(catalog):
    assert groups_to_search(catalog, 0, 0) == groups_to_search(catalog, 192, 0) == catalog.row_groups()
    few = groups_to_search(catalog, 100, 0)
    assert [sum(rows for *_, rows in few), len(set(few))] == [96, 6]
    assert few == groups_to_search(catalog, 100, 0) != groups_to_search(catalog, 100, 1)
    assert few == sorted(few)
    assert len(groups_to_search(catalog, 1, 0)) == 1


def test_a_place_leads_back_to_its_photo(catalog):
    photos = np.concatenate([pixels for pixels, _ in catalog.iter_images([])])
    groups = [catalog.row_groups()[place] for place in (2, 3, 9)]
    for place, photo in ((0, 32), (15, 47), (16, 48), (31, 63), (32, 144), (47, 159)):
        assert np.array_equal(photo_at(catalog, groups, place), photos[photo])
