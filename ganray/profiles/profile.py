"""A marketplace's requirements for pictures: one YAML file for each market, validated strictly.

Rules are data with a source and a date, not constants of the code: when a market changes its rules, only a file changes. A rule may hold
from a day on (`changes`) or for a kind of goods (`kinds`); `Profile.on` returns the rules of a day and kind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ganray.errors import RequestError
from ganray.images.codec import SUFFIXES, Format

FOLDER = Path(__file__).parent
SUFFIX = ".yaml"
FileFormat = Literal["jpeg", "png", "webp", "gif", "tiff", "bmp", "avif", "heic"]
Level = Literal["must", "should"]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
Level255 = Annotated[int, Field(ge=0, le=255)]
Pixels = Annotated[int, Field(ge=1, le=100_000)]


class Rule(BaseModel):
    """A part of a profile: frozen, unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Background(Rule):
    """What is behind the product. conform pads with `rgb`; far from the product, pixels must be within `tolerance` levels of it."""

    kind: Literal["white", "light_grey", "any"]
    rgb: tuple[Level255, Level255, Level255] = (255, 255, 255)
    tolerance: Annotated[int, Field(ge=0, le=64)] = 0


class Fill(Rule):
    """The product's share of the frame, along the side of which it fills more. conform aims at `aim`."""

    min: Share = 0.01
    max: Share = 1.0
    aim: Share
    level: Level = "must"

    @model_validator(mode="after")
    def _inside(self) -> Fill:
        if not self.min < self.aim < self.max:
            raise ValueError(f"aim {self.aim} must lie between min {self.min} and max {self.max}")
        return self


class Side(Rule):
    """Required and recommended length of a side in pixels."""

    min: Pixels = 1
    max: Pixels = 100_000
    recommended: Pixels | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Side:
        if not self.min <= (self.recommended or self.min) <= self.max:
            raise ValueError(f"min {self.min}, recommended {self.recommended} and max {self.max} must be in ascending order")
        return self


class Aspect(Rule):
    """Width to height."""

    width: Annotated[float, Field(gt=0.0, le=10_000.0)] = 1
    height: Annotated[float, Field(gt=0.0, le=10_000.0)] = 1
    tolerance: Share = 0.01
    level: Level = "must"

    @property
    def ratio(self) -> float:
        """Width over height."""
        return self.width / self.height

    def __str__(self) -> str:
        return f"{self.width:g}:{self.height:g}"


Strictness = Literal["must", "should", "ignore"]


class Content(Rule):
    """How strict the rules about what a picture shows are (`content.py`). A fault that is only likely is advice in any case."""

    text: Strictness = "should"
    badge: Strictness = "should"
    watermark: Strictness = "should"
    border: Strictness = "should"
    collage: Strictness = "should"
    several: Strictness = "ignore"
    cut_off: Strictness = "should"
    upside_down: Strictness = "should"
    blurred: Strictness = "should"
    exposure: Strictness = "should"
    compression: Strictness = "should"
    people: Strictness = "ignore"
    cutout: Strictness = "should"


class Rules(Rule):
    """The requirements for one picture."""

    background: Background
    fill: Fill | None = None
    width: Side = Side()
    height: Side = Side()
    long_side: Side = Side()
    aspect: Aspect | None = None
    formats: Annotated[tuple[FileFormat, ...], Field(min_length=1)]
    max_bytes: Annotated[int, Field(ge=1000)] | None = None
    max_megapixels: Annotated[float, Field(gt=0.0)] | None = None
    alpha: bool = False
    srgb: bool = True
    synthetic: bool = True
    label_kept: bool = True
    content: Content = Content()
    by_eye: tuple[str, ...] = ()

    @field_validator("formats")
    @classmethod
    def _writable(cls, value: tuple[FileFormat, ...]) -> tuple[FileFormat, ...]:
        if value and value[0] not in SUFFIXES:
            raise ValueError(f"the first format is the one to write, and ganray cannot write {value[0]}: use one of {', '.join(SUFFIXES)}")
        return value


class Change(Rule):
    """Rules that replace those of the same names from a day on."""

    since: date
    rules: dict[str, Any]


class Profile(Rule):
    """A marketplace's rules with their source. `evidence` is `read` where the market's own page was read, else `secondary`: confirm
    these rules in the market's console before you rely on them."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    version: date
    source: Annotated[str, Field(min_length=1)]
    evidence: Literal["read", "secondary"] = "secondary"
    notes: str = ""
    rules: Rules
    kinds: dict[str, dict[str, Any]] = {}
    changes: tuple[Change, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Profile:
        """Validate the rules of every combination of kind and day."""
        for kind in ("", *self.kinds):
            for day in (None, *self.days):
                self.on(day, kind)
        return self

    @property
    def days(self) -> tuple[date, ...]:
        """The days on which rules change, in order."""
        return tuple(sorted({change.since for change in self.changes}))

    def on(self, day: date | None = None, kind: str = "") -> Rules:
        """The rules of a day (None: the last ones known) for a kind of goods. Raises RequestError for an unknown kind."""
        if kind and kind not in self.kinds:
            remedy = f"Use one of {', '.join(self.kinds)}" if self.kinds else "Omit the kind: this profile has the same rules for all goods"
            raise RequestError(f"profile {self.name}: kind {kind!r} is unknown", remedy)
        changed: dict[str, Any] = dict(self.kinds.get(kind, {}))
        for change in sorted(self.changes, key=lambda change: change.since):
            if day is None or change.since <= day:
                changed |= change.rules
        return Rules.model_validate(self.rules.model_dump() | changed) if changed else self.rules


def least_frame(rules: Rules, ratio: float) -> tuple[int, int]:
    """The smallest (width, height) with that ratio of width to height that the rules allow."""
    width = max(rules.width.min, math.ceil(rules.height.min * ratio), math.ceil(rules.long_side.min * min(1.0, ratio)))
    return width, max(rules.height.min, round(width / ratio), 1)


def best_frame(rules: Rules, ratio: float) -> tuple[int, int]:
    """The largest useful (width, height) with that ratio: what the rules recommend, else the maximum that they allow."""
    width_limit, height_limit, long_limit = (side.recommended or side.max for side in (rules.width, rules.height, rules.long_side))
    width = min(float(width_limit), height_limit * ratio, long_limit * min(1.0, ratio))
    if rules.max_megapixels is not None:
        width = min(width, math.sqrt(rules.max_megapixels * 1e6 * ratio))
    width = max(1, math.floor(width + 1e-6))
    return width, max(1, min(round(width / ratio), rules.height.max, rules.long_side.max))


def output_format(rules: Rules) -> Format:
    """The format that conform writes: the first one of the rules."""
    return rules.formats[0]  # type: ignore[return-value]  # the validator of Rules ensures that it can be written


def names() -> list[str]:
    """Names of the profiles that are part of ganray."""
    return sorted(path.stem for path in FOLDER.glob(f"*{SUFFIX}"))


def profile(name: str) -> Profile:
    """The profile of a name, or of the YAML file at a path. Raises RequestError, which lists the known names."""
    if name in names():
        return _read(FOLDER / f"{name}{SUFFIX}")
    if name.endswith((".yaml", ".yml")):
        return read_profile(Path(name).expanduser())
    raise RequestError(f"profile {name!r} is unknown", f"Use one of {', '.join(names())}, or the path of a YAML file of your own")


def PROFILES() -> Mapping[str, Profile]:
    """All profiles that are part of ganray, by name."""
    return {name: profile(name) for name in names()}


@lru_cache(maxsize=64)
def _read(path: Path) -> Profile:
    return read_profile(path)


def read_profile(path: Path) -> Profile:
    """Read a profile from a file. Raises RequestError if it is missing, not YAML, or has an unknown key or a wrong value."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"profile {path}: {error.strerror}", "Give the path of a YAML file that exists") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RequestError(f"profile {path}: not valid YAML ({error})", "Write one `key: value` on each line") from None
    try:
        return Profile.model_validate(content)
    except ValidationError as error:
        raise RequestError(f"profile {path}: {_explain(error)}", "Compare it with a file of ganray/profiles/") from None


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"])) or "the file"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        kind: type[BaseModel] = Profile if len(first["loc"]) == 1 else Rules
        known = f", the keys are {', '.join(kind.model_fields)}" if len(first["loc"]) <= 2 else ""
        return f"{where}: no such key{known}{more}"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}{more}"
