"""What can be asked for: one declaration is the HTTP body, the row of a bulk table and the input of the engine.

A request gives `count` samples. Sample k depends on (seed, k) alone, through its own random stream, and so never on `count`, on the
batch it is computed in, or on the machine's other work.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

MAX_SEED = 2**63 - 1
MAX_COUNT = 10_000
MAX_SIDE = 4096  # pixels
MAX_TRUNCATION = 8.0
OPTIONAL_FIELDS = ("title", "quality", "side", "truncation", "segment")  # fields that requests did not always have
MAX_TEXT = 200  # characters
SHOWN_VALUES, SHOWN_TEXT = 20, 60  # known values that an error lists, and characters that it quotes
DERIVED_BITS = 53  # of a seed that nobody gave: exact in every JSON reader and in float64 columns
# No control characters (no name has them), and nothing that the XML of an image's label cannot hold (XML 1.0, production 2; half surrogate
# pairs are refused by pydantic).
Text = Annotated[str, Field(max_length=MAX_TEXT, pattern=r"^[^\x00-\x1f\x7f\uFFFE\uFFFF]*$")]
NO_TEXT = "it may hold no control character, no half of a surrogate pair, no U+FFFE and no U+FFFF"


class GenerateRequest(BaseModel):
    """Asked work: `count` images of the given attributes, or of what the title says, or both."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Text = Field("", description="your name for this request, e.g. an SKU; names the images. Over HTTP it may be left out")
    attributes: dict[Text, Text] = Field(
        {}, description="attribute -> value; those left out, or null, are drawn from the seed, or left to the title where there is one"
    )
    title: Text = Field("", description="what is wanted in words, for models that read titles; the order of words does not count")
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = Field(None, description="same seed, same images; left out: derived from the id")
    count: Annotated[int, Field(ge=1, le=MAX_COUNT)] = Field(1, description="images to make")
    format: Literal["png", "jpeg", "webp", "avif"] = Field("png", description="image format")
    quality: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="1..100 of jpeg, avif and lossy webp; left out: 92 of jpeg, 85 of avif, and webp is lossless"
    )
    side: Annotated[int, Field(ge=0, le=MAX_SIDE)] = Field(
        0, description="side of the image in pixels, resampled (bicubic) from the model's own; 0: the model's own"
    )
    truncation: Annotated[float, Field(ge=0, le=MAX_TRUNCATION)] = Field(
        0.0, description="draw z from the normal distribution cut at so many standard deviations: less variety, fewer odd ones; 0: not cut"
    )

    segment: Text = Field(
        "", description="whom the images are for: the rule that a job's policy has for it changes the attributes. Recorded with them"
    )

    @field_validator("attributes", mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        """What writes structs writes nulls for the fields that a row has not."""
        if value is None:
            return {}
        return {name: text for name, text in value.items() if text is not None} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _lossless(self) -> GenerateRequest:
        if self.quality is not None and self.format == "png":
            raise ValueError("a png is lossless and has no quality: leave it out, or ask for jpeg, webp or avif")
        return self

    def resolved(self, job_seed: int = 0) -> GenerateRequest:
        """The same request with its seed filled in, see `seed_of`."""
        return self.model_copy(update={"seed": seed_of(self, job_seed)})

    def canonical(self) -> str:
        """One line of JSON, equal for equal requests; without the LATER fields, it is what it was before there were any."""
        fields = self.model_dump(
            exclude={name for name in OPTIONAL_FIELDS if getattr(self, name) == GenerateRequest.model_fields[name].default}
        )
        return json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class EditRequest(BaseModel):
    """Asked work: one photo through a chain of edits; `count` results where an edit draws by chance (vary), else one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Text = Field("", description="your name for this request, e.g. an SKU; names the images. Over HTTP it may be left out")
    image: str = Field(
        min_length=1, description="the photo: its key under the job's or the server's source, or a data: URL (RFC 2397) with its bytes"
    )
    edits: tuple[str | dict[str, Any], ...] = Field(
        (), max_length=32, description='the chain, e.g. ["cutout", "white", {"conform": "amazon-main"}]; empty takes the job\'s'
    )
    pictures: dict[Text, Annotated[str, Field(min_length=1)]] = Field(
        {}, max_length=16, description="pictures that edits refer to by name (mask, background, reference), each a key or a data: URL"
    )
    attributes: dict[Text, Text] = Field({}, description="what the photo shows, attribute -> value, as far as it is known")
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = Field(None, description="of what is drawn by chance; left out: from the id")
    count: Annotated[int, Field(ge=1, le=MAX_COUNT)] = Field(1, description="results to make")
    format: Literal["", "png", "jpeg", "webp", "avif"] = Field(
        "", description="format of the result; empty: what the last edit asks for, else the photo's own"
    )
    quality: Annotated[int, Field(ge=1, le=100)] | None = Field(None, description="1..100 of jpeg, avif and lossy webp")

    @field_validator("pictures", mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        """As table columns have it: JSON in a cell, a map's pairs, a struct with nulls."""
        if isinstance(value, str):
            value = _json(value)
        if isinstance(value, list):
            try:
                value = dict(value)
            except TypeError as error:
                raise ValueError("write {NAME: URL}") from error
        return {name: url for name, url in value.items() if url is not None} if isinstance(value, dict) else value

    @field_validator("edits", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """One string as the CLI and table columns have it: `cutout,white,conform:amazon-main`, or JSON."""
        if not isinstance(value, str):
            return () if value is None else value
        if value.lstrip().startswith("["):
            return _json(value)
        return tuple(part.strip() for part in value.split(",") if part.strip())

    def canonical(self) -> str:
        """One line of JSON, equal for equal requests."""
        return json.dumps(self.model_dump(exclude_defaults=True), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _json(text: str) -> Any:
    """What a cell holds. Raises ValueError, which pydantic turns into a finding."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("brackets are nested too deep") from error


R = TypeVar("R", bound=GenerateRequest | EditRequest)


def seed_of(request: GenerateRequest | EditRequest, job_seed: int = 0) -> int:
    """The request's seed, or where it has none DERIVED_BITS bits of sha256 over the job's seed and the request's id."""
    if request.seed is not None:
        return request.seed
    return int.from_bytes(hashlib.sha256(f"{job_seed}/{request.id}".encode()).digest()[:8]) >> (64 - DERIVED_BITS)


class Stream:
    """Every sample's own random numbers: the Philox counter generator (Salmon et al. 2011), keyed (seed, index).

    One generator is keyed anew for each sample, which takes a fifth of the time of making one; not thread-safe.
    """

    def __init__(self) -> None:
        self._bits = np.random.Philox(key=np.zeros(2, np.uint64))
        self._rng = np.random.Generator(self._bits)
        self._start = self._bits.state  # a copy: counter, buffer and half-used words as at a start

    def at(self, seed: int, index: int) -> np.random.Generator:
        """The numbers of sample `index` from their beginning; good until the next call."""
        self._start["state"]["key"][:] = seed, index
        self._bits.state = self._start
        return self._rng


def sample_name(id: str, index: int) -> str:
    """What sample `index` of request `id` is called in labels and replies."""
    return f"{id}-{index}"


def file_name(id: str, index: int, format: str) -> str:
    """A name for the sample's object that every store and file system takes, different for different ids."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", id)[:100]
    if safe != id:
        safe += "-" + hashlib.sha256(id.encode()).hexdigest()[:12]
    return f"{safe}-{index}.{'jpg' if format == 'jpeg' else format}"


def explain(errors: Sequence[Mapping[str, Any]], kind: type[BaseModel] = GenerateRequest) -> str:
    """Pydantic's findings (`error.errors()`) in one line: the first one, with field and value, and how many more there are."""
    first, *more = errors
    field = _field(first["loc"])
    if first["type"] == "extra_forbidden":
        text = f"{field}: no such field, the fields are {', '.join(kind.model_fields)}"
    elif first["type"] == "missing":
        text = f"{field or 'the body'} is missing"
    elif first["type"] in ("string_pattern_mismatch", "string_unicode"):
        text = f"{field} {_short(first['input'])}: {NO_TEXT}".strip()
    else:
        text = f"{field} {_short(first['input'])}: {first['msg']}".strip()
    return text + (f" (and {len(more)} more)" if more else "")


def _field(loc: Sequence[int | str]) -> str:
    """`attributes.colour`, as text that a terminal takes; where a dictionary's key is wrong, the dictionary: the key is its value then."""
    parts = loc[:-2] if loc[-1:] == ("[key]",) else loc
    return ".".join(text if text.isprintable() and len(text) <= SHOWN_TEXT else _short(text) for text in map(str, parts))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_TEXT else text[: SHOWN_TEXT - 3] + "..."
