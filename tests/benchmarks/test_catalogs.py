from ganray.benchmarks.catalogs import repeated
from ganray.catalog.reader import Catalog
from tests.tools.catalogs import write_catalog


def test_a_repeated_catalog_has_the_same_photos_more_often(tmp_path):
    write_catalog(str(tmp_path / "catalog"), 32, 8)
    once = Catalog.open(str(tmp_path / "catalog"))
    twice = repeated(once, 2)
    assert twice.num_images == 2 * once.num_images == 64
    assert repeated(once, 2).info == twice.info  # made once
    first = once.read_row_group(0, 0, ["image"]).column("image").to_pylist()
    assert twice.read_row_group(2, 0, ["image"]).column("image").to_pylist() == first
    assert twice.info.counts.accepted == 2 * once.info.counts.accepted
