"""The verb `serve`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, field_validator, model_validator

from ganray.config.base import ExecutorName, Placement
from ganray.config.limits import MaxPixels
from ganray.errors import ConfigError


class ServeConfig(Placement):
    """Options of the verb `serve`.

    >>> ganray.ServeConfig(model="model", port=8080).port
    8080
    """

    model: str = Field("out/model", description="URL of a model folder")
    networks: str = Field(
        "", description="URL of a YAML file of own networks (ONNX) for matte, inpaint, upscale, enhance, in place of the model folder's"
    )
    models: str = Field(
        "", description="URL of a YAML file of further models: name -> folder, tenant, shares of traffic; read again when it changes"
    )
    model_memory: PositiveInt = Field(
        4096, description="MiB that the models of a replica may take; the one that was asked for longest ago is dropped for another"
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
    keys: str = Field(
        "",
        description="URL of a YAML file of API keys, by their hashes; read again when it changes. $GANRAY_API_KEYS may hold its text",
    )
    anonymous: bool = Field(
        False, description="answer requests without a key, beyond loopback and beside keys, too; a wrong key is refused"
    )
    timeout_s: PositiveFloat = Field(
        60.0, description="seconds after which a request is answered 504, unless its X-Ganray-Timeout-Ms says fewer"
    )
    body_timeout_s: PositiveFloat = Field(10.0, description="seconds within which the body of a request must arrive")
    audit: str = Field("", description="path of a file that gets one JSON line a request: who, what, when, result; no pixels")
    jobs: str = Field("", description="URL of a prefix that POST /v1/jobs may write under; empty: no jobs over HTTP")
    log: Literal["", "json"] = Field("", description="json: logs as JSON, with one line a request")
    studio: bool = Field(True, description="a page at /studio, to generate, edit and check by hand")
    replicas: NonNegativeInt = Field(
        1, description="engine replicas; with max_replicas the fewest: 0 lets the last one go after ten quiet minutes"
    )
    max_replicas: NonNegativeInt = Field(0, description="most replicas, on Ray: as many run as pictures are wanted; 0 = always replicas")
    per_replica: PositiveInt = Field(64, description="pictures waiting or in the making per replica that growth aims at")
    wait_ms: NonNegativeFloat = Field(4.0, description="longest wait for a batch to fill, in milliseconds")
    queue: PositiveInt = Field(256, description="images waiting per replica before a request is answered 503")
    max_count: PositiveInt = Field(64, description="most images one request may ask for; never more than queue")
    threads: NonNegativeInt = Field(
        0, description="torch threads a replica on CPU, threads that encode on GPU; 0 = an equal share of the cores"
    )
    gpu: bool | None = Field(None, description="one GPU a replica; default: where the cluster has them")
    gpu_share: float = Field(1.0, gt=0.0, le=1.0, description="of a GPU a replica: with 0.25 four share one, for small models")
    executor: ExecutorName = Field(
        "auto",
        description="where it is served from: local is this process, ray are replicas in a Ray cluster; auto takes ray where one is "
        "joined or asked for, and for several replicas",
    )

    @model_validator(mode="after")
    def _check_replicas(self) -> Self:
        if not self.replicas and not self.max_replicas:
            raise ConfigError("replicas = 0 without max_replicas", "Give --max-replicas, or --replicas 1")
        if self.max_replicas and self.max_replicas < self.replicas:
            raise ConfigError(f"max_replicas = {self.max_replicas} is less than replicas = {self.replicas}", "Give more, or leave it out")
        return self

    @field_validator("prefix")
    @classmethod
    def _check_prefix(cls, value: str) -> str:
        if not re.fullmatch(r"/|(/[A-Za-z0-9][A-Za-z0-9_-]*)+", value):
            raise ValueError("must be / or a path like /shop/v2: letters and digits, with - and _ between them")
        return value
