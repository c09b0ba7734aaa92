import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ganray.catalog.schema import CatalogInfo, Counts, ShardInfo, catalog_digest, parquet_bytes, shard_schema
from ganray.errors import CatalogError

SHARDS = (ShardInfo(key="shards/part-00000.parquet", rows=3, row_groups=(2, 1), bytes=9, sha256="ab"),)
INFO = CatalogInfo(
    resolution=32,
    format="png",
    counts=Counts(listed=4, accepted=3, quarantined=1),
    reasons={"empty": 1},
    attributes={"colour": ("blue", "red")},
    histograms={"colour": {"blue": 1, "red": 2}},
    shards=SHARDS,
    digest="sha256:00",
    fingerprint="ff",
    source="s3://shop/photos",
    created="2026-01-01T00:00:00+00:00",
)


def test_json_round_trip():
    assert CatalogInfo.from_json(INFO.to_json(), "x") == INFO


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b'"resolution": 32', b'"resolution": "wide"'), "x: field resolution: Input should be"),
        ((b'"resolution"', b'"revolution"'), "x: field resolution: Field required"),
        ((b'"schema_version": 1', b'"schema_version": 2'), "x: schema version 2, this ganray reads 1"),
        ((b"}", b""), "x is not a catalog description"),
    ],
)
def test_a_wrong_description_is_one_line(change, message):
    with pytest.raises(CatalogError) as caught:
        CatalogInfo.from_json(INFO.to_json().replace(*change), "x")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_digest_sees_what_training_sees():
    def digest(resolution=32, shards=SHARDS, attributes=INFO.attributes):
        return catalog_digest(resolution, "png", shards, attributes)

    other = (SHARDS[0].model_copy(update={"sha256": "cd"}),)
    assert len({digest(), digest(64), digest(shards=other), digest(attributes={"colour": ("blue",)})}) == 4
    assert digest() == digest()


def test_parquet_bytes_are_equal_for_equal_tables_and_carry_checksums():
    row = {"sku": "s", "image": b"i" * 500, "source_key": "k", "sha256": "d", "width": 1, "height": 2, "attr:colour": "red"}
    table = pa.Table.from_pylist([row] * 5, shard_schema(["colour"]))
    data = parquet_bytes(table, 2)
    assert data == parquet_bytes(table, 2)
    file = pq.ParquetFile(pa.BufferReader(data))
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [2, 2, 1]
    at = data.index(b"iiii")
    broken = data[: at + 9] + b"X" + data[at + 10 :]
    with pytest.raises(OSError, match="CRC"):
        pq.ParquetFile(pa.BufferReader(broken), page_checksum_verification=True).read()
