import csv
import gzip
import hashlib
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ganray.catalog.inventory import inventory
from ganray.catalog.manifest import build_manifest
from ganray.config import IngestConfig
from ganray.errors import CatalogError, ObjectNotFound
from ganray.storage import Store, open_store

KEYS = ["photos/mug/a b+c.jpg", "photos/mug/100%.png", 'photos/cap/ärmel, "x".jpg', "photos/cap/2.jpg", "other/3.jpg", "photos/readme.txt"]
CSV = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag"
PARQUET = "message s3.inventory { required binary bucket (UTF8); required binary key (UTF8); }"


def encoded(key: str) -> str:
    """As AWS encodes keys in CSV inventories (the form of application/x-www-form-urlencoded, slashes as they are)."""
    return "".join(
        c if (c.isalnum() and c.isascii()) or c in "/-_.*" else "+" if c == " " else "".join(f"%{b:02X}" for b in c.encode()) for c in key
    )


def csv_gz(rows: list[dict]) -> bytes:
    text = io.StringIO()
    lines = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for row in rows:
        marks = ["true" if row[name] else "false" for name in ("is_latest", "is_delete_marker")]
        size = "" if row["size"] is None else row["size"]
        lines.writerow(["shop", encoded(row["key"]), row["version_id"], *marks, size, "2026-11-24T10:00:00.000Z", row["e_tag"]])
    return gzip.compress(text.getvalue().encode())


def parquet(rows: list[dict]) -> bytes:
    buffer = io.BytesIO()
    names = {"is_latest": pa.bool_(), "is_delete_marker": pa.bool_(), "size": pa.int64()}
    columns = {name: pa.array([row[name] for row in rows], names.get(name, pa.string())) for name in rows[0]}
    columns["last_modified_date"] = pa.array([1_764_000_000_000] * len(rows), pa.timestamp("ms", "UTC"))
    pq.write_table(pa.table({"bucket": ["shop"] * len(rows), **columns}), buffer)
    return buffer.getvalue()


def row(key: str, size: int | None, etag: str, latest: bool = True, gone: bool = False) -> dict:
    return {"key": key, "version_id": "v", "is_latest": latest, "is_delete_marker": gone, "size": size, "e_tag": etag}


def write(bucket: Store, rows: list[dict], kind: str, **more) -> str:
    """An inventory of two files, as AWS lays it out; returns the URL of its manifest."""
    folder = "stock/shop/daily"
    files = []
    for number, part in enumerate((rows[::2], rows[1::2])):
        data = csv_gz(part) if kind == "CSV" else parquet(part)
        key = f"{folder}/data/{number}{'.csv.gz' if kind == 'CSV' else '.parquet'}"
        bucket.put(key, data)
        files.append({"key": key, "size": len(data), "MD5checksum": hashlib.md5(data).hexdigest()})
    manifest = {
        "sourceBucket": "shop",
        "destinationBucket": "arn:aws:s3:::store",
        "version": "2016-11-30",
        "creationTimestamp": "1514944800000",
        "fileFormat": kind,
        "fileSchema": CSV if kind == "CSV" else PARQUET,
        "files": files,
    }
    bucket.put(f"{folder}/2026-11-24T01-00Z/manifest.json", json.dumps(manifest | more).encode())
    return bucket.url_of(f"{folder}/2026-11-24T01-00Z/manifest.json")


@pytest.fixture(params=["memory", "folder"])
def bucket(request, tmp_path) -> Store:
    return open_store(f"memory://inventory-{tmp_path.name}" if request.param == "memory" else str(tmp_path))


@pytest.fixture
def shop() -> Store:
    store = open_store("memory://shop")
    for key in KEYS:
        store.put(key, b"x" * len(key))
    return store.child("photos")


def rows_of(store: Store) -> list[dict]:
    """Versions, markers and all that is there now."""
    there = [row(info.key, info.size, info.etag) for info in open_store("memory://shop").list()]
    return [
        row("photos/mug/a b+c.jpg", 7, "old", latest=False),
        *there,
        row("photos/mug/gone.jpg", None, "", gone=True),
        row("photos/mug/gone.jpg", 9, "e", latest=False),
    ]


@pytest.mark.parametrize("kind", ["CSV", "Parquet"])
def test_an_inventory_says_what_a_listing_says(bucket, shop, kind, monkeypatch):
    url = write(bucket, rows_of(shop), kind)
    config = IngestConfig(source=shop.url, min_images=1)
    listed = build_manifest(shop, config)
    monkeypatch.setattr(type(shop), "list", lambda *_: pytest.fail("the bucket is listed"))
    manifest = build_manifest(shop, config.model_copy(update={"inventory": url}))
    assert (manifest.attributes, manifest.listed, list(manifest.shards)) == (
        listed.attributes,
        listed.listed,
        list(listed.shards),
    )
    assert sorted(manifest.shards[0].column("key").to_pylist()) == sorted(key.removeprefix("photos/") for key in KEYS[:4])


def test_without_etags_the_time_of_change_is_the_version(bucket, shop):
    rows = [each | {"e_tag": ""} for each in rows_of(shop)]
    assert {info.etag for info in inventory(write(bucket, rows, "CSV"), shop)} == {"2026-11-24T10:00:00.000Z"}
    no_size = [each | {"size": None} for each in rows_of(shop)]
    with pytest.raises(CatalogError, match="has no size. Add the fields Size and ETag to the inventory"):
        list(inventory(write(bucket, no_size, "CSV"), shop))


@pytest.mark.parametrize("harm", ["changed", "cut"])
def test_a_file_that_is_not_the_inventorys_is_an_error(bucket, shop, harm):
    url = write(bucket, rows_of(shop), "CSV")
    data = bucket.get("stock/shop/daily/data/1.csv.gz")
    bucket.put("stock/shop/daily/data/1.csv.gz", data[:-1] + (b"" if harm == "cut" else b"?"))
    with pytest.raises(CatalogError, match=r"data/1\.csv\.gz is not the file of the inventory: its MD5 differs"):
        list(inventory(url, shop))
    bucket.delete("stock/shop/daily/data/1.csv.gz")
    with pytest.raises(ObjectNotFound):
        list(inventory(url, shop))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"fileFormat": "ORC"}, "unknown format ORC. Set its output format to CSV or Parquet"),
        ({"sourceBucket": "another"}, "is an inventory of another, but the source is in shop"),
        ({"files": 3}, "is not the manifest of an S3 Inventory: files"),
    ],
)
def test_what_is_no_inventory_of_the_source_is_one_clear_line(bucket, shop, more, message):
    with pytest.raises(CatalogError, match=message):
        inventory(write(bucket, rows_of(shop), "CSV", **more), shop)


def test_a_manifest_that_is_no_json_or_has_no_images(bucket, shop):
    url = write(bucket, [row("other/3.jpg", 3, "e"), row("other/4.jpg", 3, "e")], "CSV")
    with pytest.raises(CatalogError, match=r"manifest\.json has no images under memory://shop/photos"):
        build_manifest(shop, IngestConfig(source=shop.url, inventory=url))
    bucket.put("stock/shop/daily/2026-11-24T01-00Z/manifest.json", b"no json")
    with pytest.raises(CatalogError, match="is not the manifest of an S3 Inventory: not JSON"):
        inventory(url, shop)


def test_a_copy_of_an_inventory_without_its_folders(tmp_path, shop):
    url = write(open_store(str(tmp_path)), rows_of(shop), "CSV")
    (tmp_path / "stock").rename(tmp_path / "other")
    with pytest.raises(ObjectNotFound, match="is not in any parent folder of"):
        inventory(url.replace("/stock/", "/other/"), shop)
