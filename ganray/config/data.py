"""How catalog images become training batches."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveInt

from ganray.config.base import Probability, Section


class DataConfig(Section):
    """Streaming: how catalog images become training batches (each transform drawn per image from the run's seed)."""

    window: PositiveInt = Field(1024, description="images shuffled together; the memory of one data task")
    prefetch: PositiveInt = Field(2, description="windows kept ready in front of each worker")
    word_drop: Probability = Field(0.1, description="probability that a word of a title is left out, so that titles may be short")
    flip: Probability = Field(0.5, description="probability of a left-right mirror")
    rotate_p: Probability = Field(0.0, description="probability of a rotation")
    rotate: NonNegativeFloat = Field(5.0, description="largest rotation in degrees")
    scale_p: Probability = Field(0.0, description="probability of a zoom")
    scale: Annotated[float, Field(ge=0.0, lt=0.5)] = Field(0.08, description="largest zoom in or out as a share")
    crop_p: Probability = Field(0.0, description="probability of a shifted crop")
    crop: Annotated[float, Field(ge=0.0, lt=0.5)] = Field(0.06, description="largest shift as a share of the side")
    colour_p: Probability = Field(0.0, description="probability of a colour change")
    colour: NonNegativeFloat = Field(0.1, description="strength of brightness, contrast and saturation")
