"""The verbs `evaluate` and `export`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, model_validator

from ganray.config.base import CopiesBy, Placement, Section, refuse_memory
from ganray.config.limits import Truncation
from ganray.errors import ConfigError


class EvaluateConfig(Placement):
    """Options of the verb `evaluate`.

    >>> ganray.EvaluateConfig(model="model", catalog="catalog").num
    2000
    """

    model: str = Field("out/model", description="URL of a model folder")
    catalog: str = Field("out/catalog", description="URL of the prepared catalog it was trained on")
    out: str = Field("out/evaluation", description="URL to write report.json and report.html under")
    num: Annotated[int, Field(ge=64)] = Field(2000, description="generated images to score, and the most real images to compare with")
    search: NonNegativeInt = Field(50_000, description="the most photos of the catalog to search for copies; 0 = all")
    copies_by: CopiesBy = Field(
        "auto",
        description="how copies of photos are found: imagenet (an embedding, extra `features`; about 20 ms a photo), fingerprint, or "
        "auto = imagenet where the extra is installed",
    )
    extractor: str = Field("", description="URL of a trained feature extractor to reuse; empty trains one on the catalog (kept in out)")
    extractor_kimg: PositiveFloat = Field(20.0, description="training length of the feature extractor in thousand images")
    seed: NonNegativeInt = Field(0, description="seed of the requests, the split and the extractor")
    truncations: tuple[Truncation, ...] = Field(
        (),
        description="truncations to score the model at, e.g. 0.5,0.7,1,1.5,2 (0, not cut, is always one): the curve and the value that "
        "generate --truncation auto takes are kept in the model folder",
    )
    gpu: bool | None = Field(None, description="use a GPU; default: where the cluster has one")
    gpu_share: float = Field(1.0, gt=0.0, le=1.0, description="of the GPU, so that others have the rest, for small models")

    @model_validator(mode="after")
    def _check_places(self) -> Self:
        refuse_memory(model=self.model, catalog=self.catalog, out=self.out, extractor=self.extractor)
        return self


class ExportConfig(Section):
    """Options of the verb `export`.

    >>> ganray.ExportConfig(model="model", formats=("onnx",)).formats
    ('onnx',)
    """

    model: str = Field("out/model", description="URL of a model folder, or of an editor")
    out: str = Field("out/export", description="URL to write the files, export.json and (of an editor) networks.yaml under")
    formats: tuple[Literal["onnx", "safetensors", "torch"], ...] = Field(
        ("onnx", "safetensors", "torch"),
        description="which to write; onnx needs the packages of the extra `export`, and is that of an editor's networks",
    )
    seed: NonNegativeInt = Field(0, description="seed of the random inputs of the check")

    @model_validator(mode="after")
    def _check_formats(self) -> Self:
        if not self.formats:
            raise ConfigError("formats is empty", "Use some of onnx, safetensors, torch")
        return self
