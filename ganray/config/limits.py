"""Limits that several configurations share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

BYTES_CEILING = 2_000_000_000  # a file is held in memory, and its length crosses to the decoder's process in four bytes
MAX_TRUNCATION = 8.0  # of a request's `truncation`; also in requests.py, which knows no configuration
PIXELS_CEILING = 1_000_000_000  # three bytes a pixel cross back, and the length of an alpha channel, in four bytes

MaxBytes = Annotated[int, Field(ge=1, le=BYTES_CEILING)]
MaxPixels = Annotated[int, Field(ge=1, le=PIXELS_CEILING)]
Truncation = Annotated[float, Field(ge=0, le=MAX_TRUNCATION)]
