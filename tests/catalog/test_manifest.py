import tracemalloc
from datetime import UTC, datetime

import pytest

from ganray.catalog.manifest import build_manifest
from ganray.config import IngestConfig
from ganray.errors import CatalogError
from ganray.storage import ObjectInfo, open_store


def listing(name: str, keys: list[str], **options):
    store = open_store(f"memory://manifest-{name}/photos")
    for key in keys:
        store.put(key, b"data of " + key.encode())
    return build_manifest(store, IngestConfig(**{"source": "the-source", "min_images": 1, **options}))


def rows(manifest) -> list[dict]:
    return [row for shard in manifest.shards for row in shard.to_pylist()]


def test_folders_are_categories_and_only_images_count():
    keys = ["mug/a.jpg", "mug/deep/b.PNG", "cap/c.webp", "cap/notes.txt", "attributes.csv", "cap/.hidden.jpg", "cap/d.heic", "cap/noending"]
    manifest = listing("folders", keys)
    joined = {row["key"]: (row["sku"], row["attr:category"], row["reason"], row["size"]) for row in rows(manifest)}
    assert joined == {
        "mug/a.jpg": ("a", "mug", "", 17),
        "mug/deep/b.PNG": ("b", "mug", "", 22),
        "cap/c.webp": ("c", "cap", "", 18),
        "cap/d.heic": ("d", "cap", "", 18),
    }
    assert manifest.listed == 4
    assert manifest.usable == {"mug": 2, "cap": 2}
    assert manifest.passed_over == {".txt": 1, ".csv": 1, "hidden files": 1, "no suffix": 1}


def test_an_image_beside_the_folders_has_no_category():
    assert {row["key"]: row["reason"] for row in rows(listing("beside", ["mug/a.jpg", "b.jpg"]))} == {
        "mug/a.jpg": "",
        "b.jpg": "no_category",
    }


def test_a_flat_prefix_has_no_attributes():
    manifest = listing("flat", ["a.jpg", "b.jpg"])
    assert manifest.attributes == ()
    assert [row["reason"] for row in rows(manifest)] == ["", ""]


def test_a_table_gives_sku_and_attributes(tmp_path):
    (tmp_path / "t.csv").write_text("sku,colour,kind\nA1,red,mug\nA2,blue,mug\nA3,red,cap\n")
    manifest = listing("table", ["x/A1.jpg", "x/A2.jpg", "x/lost.jpg"], table=str(tmp_path / "t.csv"))
    assert manifest.attributes == ("colour", "kind")
    joined = {row["sku"]: (row["attr:colour"], row["attr:kind"], row["reason"]) for row in rows(manifest)}
    assert joined == {"A1": ("red", "mug", ""), "A2": ("blue", "mug", ""), "lost": ("", "", "not_in_table")}


def test_titles_of_the_table_stand_beside_its_attributes(tmp_path):
    (tmp_path / "t.csv").write_text("sku,colour,name\nA1,red,Red mug\nA2,blue,\n")
    manifest = listing(
        "titles", ["x/A1.jpg", "x/A2.jpg", "x/lost.jpg"], table=str(tmp_path / "t.csv"), title="name", attributes=("colour",)
    )
    assert manifest.attributes == ("colour",)
    assert {row["sku"]: (row["attr:colour"], row["title"]) for row in rows(manifest)} == {
        "A1": ("red", "Red mug"),
        "A2": ("blue", ""),
        "lost": ("", ""),
    }
    with pytest.raises(CatalogError, match="title = 'name' needs a table. Name one with --table"):
        listing("titles", ["x/A1.jpg"], title="name")


def test_shards_are_about_even_mixed_and_depend_on_the_keys_alone():
    keys = [f"{'mug' if i < 500 else 'cap'}/{i:04d}.jpg" for i in range(1000)]
    manifest = listing("even", keys, shard_images=300)
    assert len(manifest.shards) == 4
    assert all(200 < shard.num_rows < 300 for shard in manifest.shards)
    assert sorted(row["key"] for row in rows(manifest)) == sorted(keys)
    for shard in manifest.shards:
        assert 75 < shard.column("attr:category").to_pylist().count("mug") < 175
    again = listing("even-again", list(reversed(keys)), shard_images=300)
    assert [row["key"] for row in rows(again)] == [row["key"] for row in rows(manifest)]


def test_large_images_make_small_shards():
    assert len(listing("large", [f"a/{i}.jpg" for i in range(40)], resolution=2048).shards) == 4


def test_limit():
    assert listing("limit", [f"a/{i}.jpg" for i in range(9)], limit=4).listed == 4


def test_images_are_python_objects_only_a_chunk_at_a_time(monkeypatch):
    class Many:
        url = "s3://many"

        def list(self):
            now = datetime.now(UTC)
            return (ObjectInfo(f"cat{i % 9}/a-name-of-some-length-{i:08d}.jpg", i, f"{i:032x}", now) for i in range(20_000))

    monkeypatch.setattr("ganray.catalog.manifest.CHUNK", 500)
    tracemalloc.start()
    try:
        assert build_manifest(Many(), IngestConfig(source="x")).listed == 20_000
        assert tracemalloc.get_traced_memory()[1] / 20_000 < 150
    finally:
        tracemalloc.stop()


def test_unusable_sources_are_one_clear_line(tmp_path):
    with pytest.raises(CatalogError, match=r"memory://manifest-empty/photos holds no images\. Check the URL"):
        listing("empty", [])
    with pytest.raises(CatalogError, match="holds no images"):
        build_manifest(open_store(str(tmp_path / "nowhere")), IngestConfig(source="x"))
    with pytest.raises(CatalogError, match=r"the-source: every category has fewer than 2 images: cap \(1\), mug \(1\)\. Add images"):
        listing("few", ["mug/a.jpg", "cap/c.jpg"], min_images=2)
    assert listing("some", ["mug/a.jpg", "mug/b.jpg", "cap/c.jpg"], min_images=2).usable == {"mug": 2, "cap": 1}
    with pytest.raises(CatalogError, match=r"holds no images, but \.pdf 2, no suffix 1\. Check the URL"):
        listing("others", ["a.pdf", "b.pdf", "c"])
    (tmp_path / "t.csv").write_text("sku,kind\nA1,mug\nA2,cap\n")
    with pytest.raises(CatalogError, match="none of the 1 images under memory://manifest-none/photos is in it"):
        listing("none", ["x/B1.jpg"], table=str(tmp_path / "t.csv"))


def test_one_row_never_labels_two_files_of_its_name(tmp_path):
    (tmp_path / "t.csv").write_text("file,kind\n1.png,mug\n2.png,cap\n")
    manifest = listing("ambiguous", ["mugs/1.png", "caps/1.png", "caps/2.png"], table=str(tmp_path / "t.csv"))
    joined = {row["key"]: (row["attr:kind"], row["reason"]) for row in rows(manifest)}
    assert joined == {"mugs/1.png": ("", "ambiguous"), "caps/1.png": ("", "ambiguous"), "caps/2.png": ("cap", "")}
    with pytest.raises(CatalogError, match="each file name matches several of the 2 images"):
        listing("all-ambiguous", ["mugs/1.png", "caps/1.png"], table=str(tmp_path / "t.csv"))


def test_folders_have_a_limit_as_columns_have():
    keys = [f"{number:03d}/a.jpg" for number in range(5)]
    assert len(listing("folder-limit", keys, max_values=5, min_images=1).usable) == 5
    with pytest.raises(CatalogError, match="5 folders cannot all be categories, max_values is 4"):
        listing("folder-limit", keys, max_values=4)


def test_an_automatic_attribute_is_not_one_of_the_table_as_well(tmp_path):
    (tmp_path / "t.csv").write_text("sku,background\nA1,white\nA2,grey\n")
    with pytest.raises(CatalogError, match="t.csv has an attribute 'background' already. Remove it from --auto-attributes or --attributes"):
        listing("twice", ["x/A1.jpg", "x/A2.jpg"], table=str(tmp_path / "t.csv"), auto_attributes=("background",))
