"""Closing the counts of an ingest; the whole way is in tests/verbs/test_ingest.py."""

import pytest

from ganray.catalog.finish import describe_catalog, draw_contact_sheet, find_catalog, sweep, write_manifest
from ganray.catalog.manifest import build_manifest
from ganray.catalog.reader import Catalog
from ganray.catalog.shard_paths import ShardPaths
from ganray.config import IngestConfig
from ganray.errors import CatalogError
from ganray.storage import open_store
from tests.tools.shards import prepare_shard


@pytest.fixture
def ingested(plan, photos, tmp_path):
    """(config, job, manifest, receipts) of all photos."""
    config = IngestConfig(source=photos, out=str(tmp_path), resolution=32, shard_images=120, row_group=16)
    job, num = plan(photos, config.out)
    return config, job, build_manifest(job.source, config), [prepare_shard(job, number) for number in range(num)]


def test_the_receipts_add_up_to_the_catalog(ingested):
    config, _, manifest, receipts = ingested
    info = describe_catalog(config, manifest, receipts, "f", "photos")
    assert info.counts.model_dump() == {"listed": 240, "accepted": 240, "quarantined": 0}
    assert sum(info.histograms["category"].values()) == 240
    assert (info.fingerprint, info.source) == ("f", "photos")


def test_counts_that_do_not_add_up_and_a_catalog_without_photos_are_errors(ingested):
    config, _, manifest, receipts = ingested
    with pytest.raises(CatalogError, match="the counts of .* do not add up"):
        describe_catalog(config, manifest, receipts[:-1], "f", "photos")
    empty = [receipt.model_copy(update={"shard": None, "reasons": {"empty": receipt.listed}}) for receipt in receipts]
    with pytest.raises(CatalogError, match=r"none of the 240 images of .* can be used: empty \(240\)"):
        describe_catalog(config, manifest, empty, "f", "photos")


def test_the_fingerprint_depends_on_the_photos_and_on_the_choice_of_duplicates(ingested, tmp_path):
    config, job, manifest, _ = ingested
    fingerprint = write_manifest(job, manifest, "exact")
    assert write_manifest(job, manifest, "exact") == fingerprint != write_manifest(job, manifest, "keep")
    other = build_manifest(job.source, config.model_copy(update={"limit": 100}))
    assert write_manifest(job, other, "exact") != fingerprint


def test_parts_of_other_options_are_swept_and_other_files_stay(ingested):
    _, job, _, receipts = ingested
    old, own = ShardPaths(0, 8), [ShardPaths(receipt.number, job.parts) for receipt in receipts]
    for key in (old.shard, old.receipt, old.manifest, "shards/notes.txt"):
        job.out.put(key, b"x")
    sweep(job, receipts)
    assert not any(job.out.exists(key) for key in (old.shard, old.receipt, old.manifest))
    assert job.out.exists("shards/notes.txt") and all(
        job.out.exists(key) for part in own for key in (part.shard, part.receipt, part.manifest)
    )


def test_the_contact_sheet_has_a_row_for_each_category(catalog_url):
    catalog = Catalog.open(catalog_url)
    sheet = draw_contact_sheet(catalog)
    assert sheet.shape[0] > 32 * len(catalog.info.attributes["category"]) and sheet.shape[2] == 3


def test_a_catalog_of_another_version_is_deleted_and_a_foreign_file_is_an_error(catalog_url, tmp_path):
    assert find_catalog(open_store(catalog_url)) == Catalog.open(catalog_url).info
    out = open_store(str(tmp_path))
    assert find_catalog(out) is None
    out.put("catalog.json", b'{"schema_version": 0, "fingerprint": "x"}')
    assert find_catalog(out) is None and not out.exists("catalog.json")
    out.put("catalog.json", b"{}")
    with pytest.raises(CatalogError, match="exists and is not a catalog of ganray"):
        find_catalog(out)
