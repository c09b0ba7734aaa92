"""Bulk jobs: the verbs `generate` and `edit`, and `status`, which tells how far one is."""

from __future__ import annotations

import json
from typing import Any, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, field_validator, model_validator
from pydantic_settings import CliPositionalArg

from ganray.config.base import CopiesBy, Probability, Section, ShardPlacement, refuse_memory
from ganray.config.keep import ALL, canonical_keep
from ganray.config.limits import MAX_TRUNCATION, MaxBytes, MaxPixels
from ganray.errors import ConfigError

AUTO = "auto"


class GateConfig(Section):
    """What a sample must be like to be written; others are drawn again, or quarantined."""

    extractor: str = Field("", description="URL of a feature extractor, the folder of that name under a ganray evaluate; empty = no gate")
    catalog: str = Field("", description="URL of the catalog to compare with; empty = the one that the model was trained on")
    tries: NonNegativeInt = Field(3, description="further seeds to draw a refused sample from before it is quarantined")
    match: Probability = Field(0.5, description="least probability that it is of the category asked for")
    far: PositiveFloat = Field(2.0, description="most distance to the nearest photo, in units of what 99 % of photos keep to another one")
    copies: Probability = Field(
        0.01,
        description="as near to a photo as this share of photos is to another: a copy (by fingerprint); 0 lets every copy through",
    )
    copies_by: CopiesBy = Field(
        "auto",
        description="how copies are found: imagenet (an embedding, extra `features`; about 20 ms an image), fingerprint (with the "
        "extractor's distances), or auto = imagenet where the extra is installed",
    )
    search: NonNegativeInt = Field(20_000, description="photos of the catalog to compare with, at most; 0 = all")


class LabelConfig(Section):
    """What images say beyond the IPTC and AIGC labels, which all have. Of edited photos those have the visible one that a model made a
    part of."""

    visible: str = Field(
        "", max_length=40, description="a word in the lower right corner, such as AI; for China AI\u751f\u6210, with a font that has it"
    )
    chain: str = Field(
        "",
        description="C2PA credentials: URL of a certificate chain in PEM, the signer's first (extra `c2pa`); empty = none. Those that an "
        "edited photo has itself are kept in them: also a place, where its camera wrote one",
    )
    key: str = Field("", description="URL of the signer's P-256 key in PEM")
    font: str = Field("", description="URL of the TrueType or OpenType font of the visible label; empty has Latin letters")


class BulkJob(ShardPlacement):
    """What every bulk job is told: where requests come from, and how results are written."""

    model: str = Field("out/model", description="URL of a model folder")
    out: str = Field("out/images", description="URL to write images, receipts and manifest under")
    layout: Literal["objects", "parquet", "webdataset"] = Field(
        "objects", description="an object an image, or an object a shard: Parquet (for datasets, pyarrow) or tar (for webdataset)"
    )
    label: LabelConfig = Field(LabelConfig(), description="labels")
    seed: NonNegativeInt = Field(0, description="seed from which requests without one derive theirs")
    price: NonNegativeFloat = Field(0.0, description="of an hour of the cluster, in any currency: what the job has cost is shown")
    allow_unsafe_store: bool = Field(
        False, description="write to a store that ignores If-None-Match: for one driver at a time, two would overwrite each other's images"
    )
    dry_run: bool = Field(False, description="check the table, estimate time, bytes and cost from a few images, and write nothing")

    @model_validator(mode="after")
    def _check_job(self) -> Self:
        refuse_memory(out=self.out)
        if self.label.chain and self.layout != "objects":
            why = "no two signatures are the same, so that a shard's object could not be told again"
            raise ConfigError(f"label.chain with layout = {self.layout}: {why}", "Use --layout objects")
        return self


class GenerateConfig(BulkJob):
    """Options of the verb `generate`.

    >>> config = ganray.GenerateConfig(model="model", out="images", num=16)
    >>> config.layout, config.model_copy(update={"layout": "parquet"}).layout
    ('objects', 'parquet')
    """

    shown_first = ("model", "requests", "num")
    requests: str = Field(
        "", description="URL of a JSONL, CSV or Parquet table of requests; empty makes num requests over all attribute values"
    )
    num: PositiveInt = Field(1000, description="requests to make when no table is given, spread evenly over the first attribute's values")
    format: Literal["png", "jpeg", "webp", "avif"] = Field("png", description="image format of requests that name none")
    policy: str = Field(
        "", description="URL of a YAML or JSON file: segment -> the attributes that requests of that segment get in place of their own"
    )
    gate: GateConfig = Field(GateConfig(), description="quality gate")
    keep: str = Field(
        ALL,
        description="which of each request's samples are written: all, or best:SHARE by the gate's score (best:0.3 writes 3 of a count of "
        "10, at least one); without gate.extractor the gate then has the model folder's own",
    )
    truncation: str = Field(
        "",
        description="of requests that name none: a number (less variety, fewer odd images; 0 = not cut), or auto = what evaluate "
        "--truncations chose for the model",
    )
    shard_images: NonNegativeInt = Field(
        0, description="images per shard, the unit of work and of retry; 0 = 512 of 32 px, fewer of larger ones"
    )
    engines: int | None = Field(
        None,
        ge=1,
        description="engine actors; auto = one on this machine, on a cluster that is joined as many as it holds: more when a host joins in "
        "mid-job, fewer when one leaves",
    )
    threads: NonNegativeInt = Field(
        0,
        description="torch threads an engine on CPU; 0 = one each where engines follow a cluster, else all cores but the one that encodes "
        "and writes",
    )
    gpu: bool | None = Field(None, description="GPUs for engines; default: where the cluster has them")
    gpu_share: float = Field(1.0, gt=0.0, le=1.0, description="of a GPU an engine: with 0.25 four share one, for small models")

    @field_validator("keep")
    @classmethod
    def _check_keep(cls, value: str) -> str:
        return canonical_keep(value)

    @field_validator("truncation", mode="before")
    @classmethod
    def _check_truncation(cls, value: Any) -> Any:
        """Text, whatever a file or Python gave."""
        if value in ("", AUTO):
            return value
        try:
            limit = float(value)
        except (TypeError, ValueError):
            limit = -1.0
        if not 0 <= limit <= MAX_TRUNCATION:
            remedy = f"Use auto, or a number from 0 (not cut) to {MAX_TRUNCATION:g}, e.g. 1.5"
            raise ConfigError(f"truncation = {value!r} is no choice", remedy)
        return str(limit)


class EditConfig(BulkJob):
    """Options of the verb `edit`.

    >>> ganray.EditConfig(source="photos", edits="white,conform:amazon-main").model
    ''
    """

    shown_first = ("source", "requests", "edits")
    source: str = Field("", description="URL of a prefix of photos; a table's requests name them by their keys under it")
    requests: str = Field(
        "", description="URL of a JSONL, CSV or Parquet table of edit requests; empty edits every image under source, named by its key"
    )
    edits: str = Field(
        "", description="the chain of requests that have none, e.g. cutout,white,conform:amazon-main; JSON where an edit has parameters"
    )
    model: str = Field("", description="URL of a model folder with an editor, a generator or both; empty: edits that need no model")
    networks: str = Field(
        "", description="URL of a YAML file of own networks (ONNX) for matte, inpaint, upscale, enhance, in place of the model folder's"
    )
    out: str = Field("out/edited", description="URL to write images, receipts and manifest under")
    format: Literal["", "png", "jpeg", "webp", "avif"] = Field(
        "", description="image format of requests that name none; empty: what the last edit asks for, else the photo's own"
    )
    failing: str = Field(
        "", description="edit only photos that fail the check of this profile, e.g. google-main; the others are left alone"
    )
    strict: bool = Field(
        False,
        description="quarantine every result that a person should look at (doubt >= .1), not only what nobody should publish (>= .5)",
    )
    shard_images: NonNegativeInt = Field(0, description="images per shard, the unit of work and of retry; 0 = 2 to 64, by their number")
    max_bytes: MaxBytes = Field(25_000_000, description="larger photos are quarantined")
    max_pixels: MaxPixels = Field(
        50_000_000,
        description="photos with more pixels are quarantined, and those with a side over 16,000 (with more pixels max_pixels / 3,125)",
    )
    workers: NonNegativeInt = Field(
        0,
        description="photos that are edited at a time, each on a core of its own; 0 = one a core, on a "
        "cluster that is joined also on hosts that join in mid-job",
    )
    label: LabelConfig = Field(LabelConfig(), description="what files say beyond the labels that all have, and those of their photos")
    dry_run: bool = Field(
        False, description="check the table and the chain, estimate time, bytes and cost from a few photos, and write nothing"
    )

    @field_validator("edits", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        """A list, as YAML has it, as the text that flags have."""
        return json.dumps(value) if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _check_photos(self) -> Self:
        if not self.requests and not self.source:
            raise ConfigError("neither source nor requests is given", "Name photos with --source, or a table with --requests")
        if not self.requests and not self.edits:
            raise ConfigError("edits is empty", "Say what to do, e.g. --edits cutout,white")
        refuse_memory(source=self.source)
        return self


class StatusConfig(Section):
    """Options of the verb `status`.

    >>> ganray.StatusConfig(job="s3://shop/images").job
    's3://shop/images'
    """

    job: CliPositionalArg[str] = Field("out/images", description="URL of the job: the `out` of a ganray generate or edit")
