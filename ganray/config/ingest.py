"""The verb `ingest`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from ganray.config.base import CopiesBy, Probability, ShardPlacement
from ganray.config.limits import MaxBytes, MaxPixels
from ganray.errors import ConfigError


class IngestConfig(ShardPlacement):
    """Options of the verb `ingest`.

    >>> ganray.IngestConfig(source="sample:none")
    Traceback (most recent call last):
    ganray.errors.ConfigError: source 'sample:none': 'none' is not a number of products. Write for example sample:3000
    """

    source: str = Field("sample:3000", description="URL of a prefix of images, or sample:N to draw a sample catalog of N products first")
    inventory: str = Field(
        "", description="URL of the manifest.json of an S3 Inventory (CSV or Parquet) of the source's bucket, in place of listing it"
    )
    out: str = Field("out/catalog", description="URL of the prepared catalog to write")
    resolution: Annotated[int, Field(ge=8, le=2048)] = Field(32, description="side of the prepared square images in pixels")
    table: str = Field(
        "",
        description="URL of a table of attributes: CSV (any delimiter, UTF-8 or UTF-16, also gzip) or Parquet; empty takes the category "
        "from folder names",
    )
    join: str = Field("", description="column of the table that names the file or the SKU; empty finds file, filename, path or sku")
    attributes: tuple[str, ...] | None = Field(
        None, description="table columns to keep as attributes; default: every column with at most max_values values"
    )
    auto_attributes: tuple[Literal["dominant_colour", "background"], ...] = Field(
        (),
        description="attributes to read off the photos: dominant_colour (of the product, one of a dozen) and background (white, plain or "
        "cluttered)",
    )
    title: str = Field("", description="table column of product titles, for models that read them (model.title_pieces)")
    max_values: PositiveInt = Field(
        200, description="an attribute with more distinct values is left out (by default) or refused (if named)"
    )
    min_images: PositiveInt = Field(2, description="a category with fewer images is named in the summary; it is an error if all have fewer")
    square: Literal["pad", "crop"] = Field("pad", description="how photos become square: white padding or centre crop")
    format: Literal["png", "webp", "jpeg"] = Field("png", description="encoding of the prepared images (webp is lossless)")
    duplicates: Literal["keep", "exact", "near"] = Field(
        "exact",
        description="which photos are left out because they are there already: those of the same bytes, or near ones too (encoded again, "
        "resized, a tenth brighter or darker, up to 2 % cut off; by imagenet also mirrored, turned by up to 3 degrees, up to 6 % cut off)",
    )
    copies_by: CopiesBy = Field(
        "auto",
        description="how near duplicates are found: imagenet (an embedding, extra `features`), fingerprint (faster, finds less), or "
        "auto = imagenet where the extra is installed",
    )
    max_bytes: MaxBytes = Field(25_000_000, description="larger files are quarantined")
    max_pixels: MaxPixels = Field(
        50_000_000,
        description="images with more pixels are quarantined, and those with a side over 16,000 (with more pixels max_pixels / 3,125)",
    )
    max_frames: PositiveInt = Field(1, description="images with more frames are quarantined")
    shard_images: PositiveInt = Field(2048, description="source images per shard: the unit of work and of retry")
    row_group: PositiveInt = Field(128, description="images per Parquet row group: the unit of streaming")
    limit: NonNegativeInt = Field(0, description="stop listing after this many images; 0 = all")
    seed: NonNegativeInt = Field(0, description="seed of the sample catalog")
    cluttered: Probability = Field(0.0, description="share of the sample catalog's products that stand on cluttered backgrounds")
    variety: Probability = Field(
        1.0,
        description="share of the sample catalog's styles, views and materials; 0 = one of each category, which a model learns in minutes",
    )

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        num = self.source.removeprefix("sample:")
        if num != self.source and (not num.isdigit() or int(num) < 1):
            raise ConfigError(f"source {self.source!r}: {num!r} is not a number of products", "Write for example sample:3000")
        return self
