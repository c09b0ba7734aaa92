"""Files as shops send them: encodings, byte order marks, gzip by its bytes; and what is no table at all."""

import gzip
import io

import pytest

from ganray.errors import CatalogError
from ganray.tables.encoding import encoding_of, opened, text_lines

TEXT = "sku;farbe\r\n1;grün\r\n"


def lines(data, name="t.csv"):
    file, head = opened(io.BytesIO(data), name, CatalogError)
    return list(text_lines(file, head, name, CatalogError))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("compress", [0, 1, 2])
def test_every_encoding_is_read_whatever_the_name_says(encoding, compress):
    data = TEXT.encode(encoding)
    for _ in range(compress):
        data = gzip.compress(data)
    assert lines(data) == ["sku;farbe\r\n", "1;grün\r\n"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_stay_as_they_are(end):
    assert lines(end.join(["a", "b", ""]).encode()) == [f"a{end}", f"b{end}"]


def test_utf_16_without_a_mark_is_known_by_its_zero_bytes():
    assert [encoding_of("a,b".encode(name)) for name in ("utf-16-le", "utf-16-be", "utf-8")] == ["utf-16-le", "utf-16-be", "utf-8"]


def test_bytes_that_are_not_utf_8_are_told_with_line_byte_and_remedy():
    with pytest.raises(CatalogError, match=r"t.csv line 2 is not UTF-8: it has the byte 0xfc \(Windows-1252.*iconv -f WINDOWS-1252"):
        lines(TEXT.encode("cp1252"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04rest", "is not a table: it is an Excel workbook"),
        (b"%PDF-1.7", "is not a table: it is a PDF"),
        (b"BZh91AY", "compressed with bzip2"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "cannot be read|not a readable gzip"),
        (b"\x1f\x8bnonsense", "not a readable gzip file"),
        ("a,b\n".encode("utf-16") + b"\x00", "not readable as UTF-16"),
    ],
)
def test_what_is_no_table_is_one_line(data, message):
    with pytest.raises(CatalogError, match=message) as caught:
        lines(data)
    assert "\n" not in str(caught.value)
