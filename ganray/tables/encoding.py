"""The bytes of a table as a file that is not compressed, and its text as lines: UTF-8 or UTF-16, with or without a byte order mark.

What the bytes are is read off their beginning, not off names: a store or a proxy may have decompressed `products.csv.gz`, or have
compressed `products.csv`.
"""

from __future__ import annotations

import gzip
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from io import BufferedReader, TextIOWrapper
from typing import BinaryIO, cast

from ganray.errors import GanrayError

Problem = Callable[[str, str], GanrayError]  # message, remedy -> the error of the caller
HEAD = 1 << 16  # bytes that tell what a file is
GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
LAYERS = 2  # compressed by its owner, and by the store
FOREIGN = (
    (b"PK\x03\x04", "an Excel workbook or a ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"%PDF", "a PDF"),
)
MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
UNREADABLE = (OSError, EOFError, zlib.error)  # of a gzip file that is cut or damaged
_ESCAPED = re.compile("[\udc80-\udcff]")  # a byte that is not UTF-8
SAVE_AGAIN = "Save it as CSV UTF-8 or Parquet"


def opened(source: BinaryIO, name: str, problem: Problem) -> tuple[BinaryIO, bytes]:
    """The table as a seekable file at its beginning, decompressed, and its first HEAD bytes. Raises a `problem` for what is no table."""
    file, head = source, source.read(HEAD)
    try:
        for _ in range(LAYERS):
            if not head.startswith(GZIP):
                break
            file.seek(0)
            file = _decompressed(file)
            head = file.read(HEAD)
    except UNREADABLE as error:
        raise problem(f"{name} is not a readable gzip file: {error}", "Compress it again") from error
    for mark, what in FOREIGN:
        if head.startswith(mark):
            raise problem(f"{name} is not a table: it is {what}", SAVE_AGAIN)
    file.seek(0)
    return file, head


def _decompressed(file: BinaryIO) -> BinaryIO:
    """A gzip file as a plain one, Parquet in a temporary file: it is read from its end."""
    plain = gzip.GzipFile(fileobj=file, mode="rb")
    is_parquet = plain.read(len(PARQUET)) == PARQUET
    plain.seek(0)
    if not is_parquet:
        return cast(BinaryIO, BufferedReader(plain))
    copy = tempfile.TemporaryFile()  # noqa: SIM115
    shutil.copyfileobj(plain, copy)
    copy.seek(0)
    return cast(BinaryIO, copy)


def encoding_of(head: bytes) -> str:
    """The encoding of a text: by its byte order mark; without one UTF-16 if there are zero bytes, else UTF-8."""
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding
    even, odd = head[0::2].count(0), head[1::2].count(0)
    return ("utf-16-be" if even > odd else "utf-16-le") if even or odd else "utf-8"


def text_lines(file: BinaryIO, head: bytes, name: str, problem: Problem) -> Iterator[str]:
    """The lines of a text with their ends, whichever they are (\\n, \\r\\n, \\r). Raises a `problem` with the line that is not text."""
    encoding = encoding_of(head)
    number = 0
    try:
        with TextIOWrapper(file, encoding, "surrogateescape" if encoding.startswith("utf-8") else "strict", newline="") as text:
            for number, line in enumerate(text, 1):
                if not line.isascii() and (wrong := _ESCAPED.search(line)):
                    raise problem(
                        f"{name} line {number} is not UTF-8: it has the byte 0x{ord(wrong[0]) - 0xDC00:02x} (Windows-1252 or Latin-1?)",
                        f"{SAVE_AGAIN}, or convert it: iconv -f WINDOWS-1252 -t UTF-8",
                    )
                yield line
    except UnicodeError as error:
        raise problem(f"{name} is not readable as {encoding.upper()} after line {number}: {error}", SAVE_AGAIN) from error
    except UNREADABLE as error:
        raise problem(f"{name} cannot be read after line {number}: {error}", "Copy or compress it again") from error
