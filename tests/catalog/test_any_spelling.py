"""Properties: whatever mix of spellings a shop uses, no exception is another's, and the books close."""

import gzip
import io
import unicodedata
import uuid

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ganray.bulk.photo_names import PhotoNames, picture_ids
from ganray.catalog.manifest import build_manifest
from ganray.config import IngestConfig
from ganray.errors import GanrayError
from ganray.request_tables import Columns, read_requests
from ganray.requests import EditRequest, file_name
from ganray.storage import open_store
from ganray.tables.spelling import fold
from ganray.vocabulary import Vocabulary

WAYS = {"short": 30, "long": 2000}
FILES = ("hat.jpg", "hüte rot.png", "a%b.webp", "IMG_1.JPG", "4006381333931.jpg", "ring-2.jpeg", "dress (1).png", "mug+cup.jpg")
FOLDERS = ("", "hats/", "Hüte/", "2023/11/", "a b/", "x/y/")
HEADERS = (["file", "kind", "size"], ["file", "Kind\nof", "size"], ["sku", "file", "kind"], ["file", "kind", "kind"])
VALUES = ("red", "Red", "grün", "42", "42.0", "true", "N/A", "", " blue ", "2026-07-01", "a;b", "a,b", 'say "x"', "two\nlines", "007")


def way(request):
    return settings(max_examples=WAYS[request], deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def as_key(draw, name):
    """A key of the store, as one of several programs would write it."""
    form = draw(st.sampled_from(["NFC", "NFD"]))
    key = unicodedata.normalize(form, name)
    return key.replace("/", "\\") if draw(st.integers(0, 9)) == 0 else key


def as_join(draw, name):
    """The same in a table."""
    kind = draw(st.sampled_from(["path", "path", "name", "backslashes", "url", "NFD", "upper", "blanks"]))
    quoted = name.replace("%", "%25").replace(" ", "%20")
    return {
        "path": name,
        "name": name.rpartition("/")[2],
        "backslashes": name.replace("/", "\\"),
        "url": f"https://cdn.shop/files/{quoted}?v=17",
        "NFD": unicodedata.normalize("NFD", name),
        "upper": name.upper(),
        "blanks": f" {name} ",
    }[kind]


def cell(text, delimiter):
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in (delimiter, '"', "\n", "\r")) else text


@st.composite
def shops(draw):
    """(keys, bytes of a table, its name, the columns): photos and a table that means them."""
    names = draw(st.lists(st.tuples(st.sampled_from(FOLDERS), st.sampled_from(FILES)).map("".join), min_size=1, max_size=8, unique=True))
    keys = list(dict.fromkeys(as_key(draw, name) for name in names))
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    header = draw(
        st.sampled_from([["file", "kind", "size"], ["file", "Kind\nof", "size"], ["sku", "file", "kind"], ["file", "kind", "kind"]])
    )
    rows = [header]
    for name in names:
        row = {"file": as_join(draw, name), "sku": name.rpartition("/")[2].partition(".")[0]}
        rows.append([row.get(column) or draw(st.sampled_from(VALUES)) for column in header])
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = end.join(delimiter.join(cell(value, delimiter) for value in row) for row in rows) + end
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]))
    data = text.encode(encoding, "replace")
    zipped = draw(st.booleans())
    return keys, gzip.compress(data, mtime=0) if zipped else data, "products.csv.gz" if zipped else "products.csv", header


def close_the_books(shop):
    keys, data, name, header = shop
    place = f"memory://{uuid.uuid4().hex}"
    photos, tables = open_store(f"{place}/photos"), open_store(f"{place}/tables")
    for key in keys:
        photos.put(key, b"x")
    tables.put(name, data)
    attributes = tuple(column for column in header[1:] if column not in ("file",))
    config = IngestConfig(
        source=photos.url,
        out=f"{place}/out",
        table=tables.url_of(name),
        join="file",
        attributes=tuple(dict.fromkeys(attributes)),
        min_images=1,
        max_values=1000,
    )
    try:
        manifest = build_manifest(photos, config)
        rows = [row for table in manifest.shards for row in table.to_pylist()]
    except GanrayError as error:
        assert "\n" not in str(error) and error.message
        return
    assert manifest.listed == len(rows) == len(keys)
    assert sorted(row["key"] for row in rows) == sorted(keys)
    assert sum(manifest.usable.values()) == sum(not row["reason"] for row in rows)
    assert {row["reason"] for row in rows} <= {"", "not_in_table", "ambiguous"}
    understand(manifest, rows, data, name)


def understand(manifest, rows, data, name):
    """What ingest learned from the file is understood when it is asked from the same file."""
    values = {a: tuple(sorted({row[f"attr:{a}"] for row in rows if not row["reason"]})) for a in manifest.attributes}
    if not all(values.values()) or any(row["reason"] for row in rows) or manifest.table.rows_without_image:
        return
    vocabulary = Vocabulary(values)
    try:
        requests = list(read_requests(io.BytesIO(data), name, columns=Columns(tuple(values))))
    except GanrayError as error:
        assert "\n" not in str(error)
        return
    for request in requests:
        positions = vocabulary.encode(request)
        known = {a: values[a][place] for a, place in positions.items()}
        assert all(fold(known[a]) == fold(request.attributes[a]) for a in known)


@pytest.mark.parametrize("length", ["short", pytest.param("long", marks=pytest.mark.long)])
def test_the_books_of_any_shop_close(length):
    way(length)(given(shops())(close_the_books))()


KEYS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20) | st.sampled_from(FILES), max_size=12, unique=True
)


def name_all(keys):
    keys = [f"{key}.jpg" if place % 3 else key for place, key in enumerate(keys)]
    keys = list(dict.fromkeys(keys))
    names = PhotoNames()
    for key in keys:
        names.add(key)
    for ids in ([names.id_of(key) for key in keys], picture_ids(keys)):
        assert len(set(ids)) == len(keys)
        assert all(EditRequest(id=id, image="x").id == id for id in ids)
        assert len({file_name(id, 0, "png") for id in ids}) == len(keys)


@pytest.mark.parametrize("length", ["short", pytest.param("long", marks=pytest.mark.long)])
def test_no_two_photos_have_one_name(length):
    body = example(["a/b-c.jpg", "a-b/c.jpg", "a-b-c.jpg"])(name_all)
    body = example(["hat.jpg", "hat", "hat.jpg.jpg", "hat.png"])(body)
    body = example(["x" * 300, "x" * 301, "a\tb", "a_b"])(body)
    way(length)(given(KEYS)(body))()
