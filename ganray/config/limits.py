"""Limits that several configurations share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

BYTES_CEILING = 2_000_000_000  # a file is held in memory, and its length crosses to the decoder's process in four bytes
PIXELS_CEILING = 1_000_000_000  # three bytes a pixel cross back, and the length of an alpha channel, in four bytes

MaxBytes = Annotated[int, Field(ge=1, le=BYTES_CEILING)]
MaxPixels = Annotated[int, Field(ge=1, le=PIXELS_CEILING)]
