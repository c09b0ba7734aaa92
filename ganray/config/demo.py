"""The verb `demo`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat

from ganray.config.base import RayConfig, Section


class DemoConfig(Section):
    """Options of the verb `demo`."""

    out: str = Field("out/demo", description="folder for everything the demo makes")
    products: Annotated[int, Field(ge=128)] = Field(3000, description="products in the sample catalog")
    kimg: PositiveFloat = Field(32.0, description="length of training in thousand images")
    minutes: PositiveFloat = Field(3.5, description="training stops at this wall time even if kimg is not reached")
    images: Annotated[int, Field(ge=64)] = Field(1000, description="images to generate in bulk, and to evaluate")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8000, description="port of the HTTP endpoint")
    keep_serving: bool = Field(False, description="leave the endpoint running at the end, until Ctrl-C")
    ray: RayConfig = Field(RayConfig(), description="where the work runs")
