"""The format of a prepared catalog: Parquet shards of encoded images with attributes, and `catalog.json`, which is written last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from io import BytesIO
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from ganray.errors import CatalogError

SCHEMA_VERSION = 1
CATALOG_KEY = "catalog.json"
ATTRIBUTE_PREFIX, TITLE = "attr:", "title"


def shard_schema(attributes: Iterable[str], titled: bool = False) -> pa.Schema:
    """Columns of a shard; missing values are empty strings; width, height and sha256 are those of the source file."""
    fields = [
        pa.field("sku", pa.string(), nullable=False),
        pa.field("image", pa.binary(), nullable=False),
        pa.field("source_key", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
    ]
    names = [*(ATTRIBUTE_PREFIX + name for name in attributes), *([TITLE] if titled else [])]
    return pa.schema(fields + [pa.field(name, pa.string(), nullable=False) for name in names])


def parquet_bytes(table: pa.Table, row_group: int) -> bytes:
    """A table as Parquet; equal tables give equal bytes. Without compression, as images are compressed; with checksums per page."""
    buffer = BytesIO()
    names = [name for name in table.column_names if name.startswith(ATTRIBUTE_PREFIX)]
    pq.write_table(
        table, buffer, row_group_size=row_group, compression="none", use_dictionary=names, write_statistics=False, write_page_checksum=True
    )
    return buffer.getvalue()


class Document(BaseModel):
    """A frozen JSON document; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Counts(Document):
    """The counts of an ingest: listed = accepted + quarantined."""

    listed: int
    accepted: int
    quarantined: int


class ShardInfo(Document):
    """One Parquet shard: its key under the catalog's URL, rows per row group, size in bytes and digest."""

    key: str
    rows: int
    row_groups: tuple[int, ...]
    bytes: int
    sha256: str


class Scarce(Document):
    """A category with fewer images than the config asks for: how many were listed, how many are left, and what became of the others."""

    listed: int
    accepted: int
    reasons: dict[str, int]


class Copies(Document):
    """Photos of one category that are left out because another category has the same photo."""

    category: str
    kept_in: str
    photos: int


class TableRemarks(Document):
    """What a table and the photos do not agree on.

    `rows_without_image`: rows that belong to no photo; `lost_digits`: join values that a spreadsheet has rounded (4.00638E+12); `missing`:
    cells that were read as empty because they hold a word such as N/A, by column.
    """

    rows_without_image: int = 0
    lost_digits: int = 0
    missing: dict[str, int] = {}


class Remarks(Document):
    """What the owner of the photos should know. Catalogs of earlier versions have none.

    `scarce`: categories that are gone or have few images left; `copies`: photos that lie in two categories; `alike`: attribute -> groups of
    values that differ only by case; `passed_over`: objects that do not have the name of an image, by suffix; `copies_by`: the method of
    copies/methods.py by which near duplicates were sought, empty if they were not.
    """

    scarce: dict[str, Scarce] = {}
    copies: tuple[Copies, ...] = ()
    alike: dict[str, tuple[tuple[str, ...], ...]] = {}
    passed_over: dict[str, int] = {}
    copies_by: str = ""
    table: TableRemarks = TableRemarks()


class CatalogInfo(Document):
    """`catalog.json`: `attributes` are the vocabularies (sorted values), `histograms` the images of each value.

    `title` is the column of the table with the titles; empty if there are none.
    """

    schema_version: int = SCHEMA_VERSION
    resolution: int
    format: Literal["png", "webp", "jpeg"]
    counts: Counts
    reasons: dict[str, int]
    attributes: dict[str, tuple[str, ...]]
    histograms: dict[str, dict[str, int]]
    remarks: Remarks = Remarks()
    title: str = ""
    shards: tuple[ShardInfo, ...]
    digest: str
    fingerprint: str
    source: str
    created: str

    def to_json(self) -> bytes:
        """The document, indented; without remarks where there are none, as earlier versions read it."""
        return (self.model_dump_json(indent=1, exclude=None if self.remarks != Remarks() else {"remarks"}) + "\n").encode()

    @staticmethod
    def from_json(data: bytes, where: str) -> CatalogInfo:
        """Parse. Raises CatalogError with `where` and the first wrong field."""
        try:
            version = json.loads(data).get("schema_version")
            if version != SCHEMA_VERSION:
                raise CatalogError(f"{where}: schema version {version}, this ganray reads {SCHEMA_VERSION}", "Ingest the catalog again")
            return CatalogInfo.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise CatalogError(f"{where}: field {field}: {first['msg']}", "Ingest the catalog again") from error
        except (ValueError, AttributeError) as error:
            raise CatalogError(f"{where} is not a catalog description: {error}", "Ingest the catalog again") from error


def catalog_digest(resolution: int, format: str, shards: Iterable[ShardInfo], attributes: dict[str, tuple[str, ...]]) -> str:
    """Sha256 of the inputs of training: shards, their order, and the vocabularies."""
    inputs = [resolution, format, [[shard.key, shard.rows, shard.sha256] for shard in shards], sorted(attributes.items())]
    return "sha256:" + hashlib.sha256(json.dumps(inputs, ensure_ascii=False).encode()).hexdigest()
