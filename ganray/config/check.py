"""The verbs `profiles` and `check`."""

from __future__ import annotations

from datetime import date
from typing import Any, Self

from pydantic import Field, NonNegativeInt, field_validator, model_validator
from pydantic_settings import CliPositionalArg

from ganray.config.base import Section
from ganray.config.limits import MaxPixels
from ganray.errors import ConfigError


class ProfilesConfig(Section):
    """Options of the verb `profiles`.

    >>> ganray.ProfilesConfig(profile="amazon-main").profile
    'amazon-main'
    """

    profile: str = Field("", description="name of a profile, or the path of a YAML file of your own, to show with its source and date")


class CheckConfig(Section):
    """Options of the verb `check`.

    >>> ganray.CheckConfig(images="photos", day="1 May")
    Traceback (most recent call last):
    ganray.errors.ConfigError: day = '1 May': Invalid isoformat string: '1 May'. Write it as YYYY-MM-DD
    """

    images: CliPositionalArg[str] = Field("out/images", description="URL of a prefix of pictures, or of one picture")
    profile: str = Field("amazon-main", description="name of a profile (ganray profiles), or the path of a YAML file of your own")
    kind: str = Field("", description="kind of goods, where the profile tells kinds apart, e.g. apparel")
    day: str = Field("", description="YYYY-MM-DD: by the rules of that day; empty = today")
    photos: str = Field(
        "",
        description="URL of the prefix of the photos that the pictures were made of, under the same names: labels they have must be kept",
    )
    out: str = Field("out/check", description="URL to write report.json and report.html under")
    requests: str = Field("", description="URL of a JSONL file to write: an edit request for each picture that edits can mend")
    max_pixels: MaxPixels = Field(
        100_000_000, description="pictures with more pixels are not looked at and fail, and those with a side over max_pixels / 3,125"
    )
    workers: NonNegativeInt = Field(0, description="processes that decode and check; 0 = the cores of this machine")

    @field_validator("day", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        """A date, as YAML has it, as the text that flags have."""
        return value.isoformat() if isinstance(value, date) else value

    @model_validator(mode="after")
    def _check_day(self) -> Self:
        try:
            if self.day:
                date.fromisoformat(self.day)
        except ValueError as error:
            raise ConfigError(f"day = {self.day!r}: {error}", "Write it as YYYY-MM-DD") from None
        return self
