"""Own networks: the rows of a `networks.yaml`, which names ONNX files for the learned edits and says what goes in and what comes out."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, field_validator, model_validator

from ganray.config.base import Section

Levels = tuple[float, float]
Triple = tuple[float, float, float]


class NetworkFile(Section):
    """An ONNX file and its contract: pictures go in as `(share of white * (range[1] - range[0]) + range[0] - mean) / std`.

    >>> from ganray.config.networks import NetworkFile
    >>> NetworkFile(url="isnet.onnx", sha256="0" * 64, size=1024, mean=(0.5, 0.5, 0.5), min_max=True).layout
    'NCHW'
    """

    url: str = Field(min_length=1, description="the file: a URL of any store, or a path from where the YAML file lies")
    sha256: str = Field(description="of the file, in hex")
    size: Annotated[int, Field(ge=16, le=4096)] = Field(description="side of its square input in pixels; of tiles, where its input is free")
    halo: NonNegativeInt = Field(0, description="of tiles: pixels at each side that are context only (upscale, enhance)")
    layout: Literal["NCHW", "NHWC"] = Field("NCHW", description="order of the axes, of inputs and outputs")
    channels: Literal["RGB", "BGR"] = Field("RGB", description="order of the colours, of inputs and outputs")
    range: Levels = Field((0.0, 1.0), description="what black and white are in its input, before mean and std")
    mean: Triple = Field((0.0, 0.0, 0.0), description="is subtracted, in the order of `channels`")
    std: Triple = Field((1.0, 1.0, 1.0), description="divides what is left, in the order of `channels`")
    inputs: tuple[str, ...] = Field(
        (), max_length=2, description="names of its inputs, picture first, then mask (1 inside the hole); empty: all it has, in its order"
    )
    output: str = Field("", description="name of the output that counts; empty: the first one")
    output_range: Levels = Field((0.0, 1.0), description="what comes out for ground and product (matte), or for black and white")
    logits: bool = Field(False, description="matte: a sigmoid is still to be taken")
    min_max: bool = Field(False, description="matte: stretched so that its least value is 0 and its greatest 1, as ISNet asks for")
    factor: Literal[2, 4] = Field(2, description="upscale: how many times as large its answer is")
    views: Literal[0, 1, 2, 3] = Field(
        0, description="matte: looks at a photo, of which those after the first are at its product alone; 0 = 1 from 512 px on, else 3"
    )
    mirror: bool = Field(False, description="matte, inpaint: also asked for the mirror image, and averaged: twice the time")

    @field_validator("sha256")
    @classmethod
    def _check_sha256(cls, value: str) -> str:
        value = value.strip().lower()
        if len(value) != 64 or set(value) - set("0123456789abcdef"):
            raise ValueError("must be 64 hex digits; `sha256sum FILE` prints them")
        return value

    @model_validator(mode="after")
    def _check_numbers(self) -> Self:
        for name in ("range", "output_range"):
            low, high = getattr(self, name)
            if low == high:
                raise ValueError(f"{name} has twice the same value: it is what black and white are")
        if not all(self.std):
            raise ValueError("std has a zero: it divides")
        if 2 * self.halo >= self.size:
            raise ValueError(f"halo {self.halo} leaves nothing of {self.size} px: at most {(self.size - 1) // 2}")
        return self

    @property
    def settings_digest(self) -> str:
        """What its answers depend on beside the file's bytes, as 12 hex digits; neither its place nor a key that says the default."""
        return hashlib.sha256(self.model_dump_json(exclude={"url", "sha256"}, exclude_defaults=True).encode()).hexdigest()[:12]


class Networks(Section):
    """A `networks.yaml`: a row for each task that has a network of one's own."""

    matte: NetworkFile | None = Field(None, description="picture -> share of product of each pixel")
    inpaint: NetworkFile | None = Field(None, description="picture and hole -> picture")
    upscale: NetworkFile | None = Field(None, description="tile -> tile 2 or 4 times as large")
    enhance: NetworkFile | None = Field(None, description="tile -> the same without noise and blur")

    @model_validator(mode="after")
    def _check_tasks(self) -> Self:
        """Keys that say nothing for a task are refused: they would be taken for granted."""
        alone = {"logits": ("matte",), "min_max": ("matte",), "views": ("matte",), "factor": ("upscale",), "mirror": ("matte", "inpaint")}
        for task, row in self.rows().items():
            for key, tasks in alone.items():
                if key in row.model_fields_set and task not in tasks:
                    raise ValueError(f"{task}.{key}: is for {' and '.join(tasks)} alone")
            if task in ("matte", "inpaint") and row.halo:
                raise ValueError(f"{task}.halo: is for upscale and enhance alone, which work in tiles")
            if task == "inpaint" and row.size & (row.size - 1):
                raise ValueError(f"inpaint.size {row.size}: must be a power of two, since holes are first filled by halving")
            if len(row.inputs) > 1 and task != "inpaint":
                raise ValueError(f"{task}.inputs: one name, of the picture's input; a mask is for inpaint alone")
        return self

    def rows(self) -> dict[str, NetworkFile]:
        """The rows that are there, by task."""
        found = {task: getattr(self, task) for task in Networks.model_fields}
        return {task: row for task, row in found.items() if row is not None}
