"""The verb `serve`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, field_validator

from ganray.config.base import RayConfig, Section
from ganray.config.limits import MaxPixels


class ServeConfig(Section):
    """Options of the verb `serve`.

    >>> ganray.ServeConfig(model="model", port=8080).port
    8080
    """

    model: str = Field("out/model", description="URL of a model folder")
    networks: str = Field(
        "", description="URL of a YAML file of own networks (ONNX) for matte, inpaint, upscale, enhance, in place of the model folder's"
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8000, description="port to listen on")
    prefix: Annotated[str, Field(max_length=100)] = Field(
        "/", description="path that the API lies under, e.g. /shop/v2: models at different prefixes are served beside each other"
    )
    source: str = Field(
        "", description="URL of a prefix of photos that /v1/edit may name by their keys; empty: a request holds its photo, as a data: URL"
    )
    max_pixels: MaxPixels = Field(
        50_000_000, description="photos with more pixels are refused, and those with a side over 16,000, or over max_pixels / 3,125"
    )
    edit_queue: PositiveInt = Field(16, description="photos waiting per replica for their edit before a request is answered 503")
    replicas: PositiveInt = Field(1, description="engine replicas")
    wait_ms: NonNegativeFloat = Field(4.0, description="longest wait for a batch to fill, in milliseconds")
    queue: PositiveInt = Field(256, description="images waiting per replica before a request is answered 503")
    max_count: PositiveInt = Field(64, description="most images one request may ask for; never more than queue")
    threads: NonNegativeInt = Field(
        0, description="torch threads a replica on CPU, threads that encode on GPU; 0 = an equal share of the cores"
    )
    gpu: bool | None = Field(None, description="one GPU a replica; default: where the cluster has them")
    gpu_share: float = Field(1.0, gt=0.0, le=1.0, description="of a GPU a replica: with 0.25 four share one, for small models")
    ray: RayConfig = Field(RayConfig(), description="where the work runs")

    @field_validator("prefix")
    @classmethod
    def _check_prefix(cls, value: str) -> str:
        if not re.fullmatch(r"/|(/[A-Za-z0-9][A-Za-z0-9_-]*)+", value):
            raise ValueError("must be / or a path like /shop/v2: letters and digits, with - and _ between them")
        return value
