"""Requests: one declaration for the HTTP body, the row of a bulk table and the input of the engine.

A request gives `count` samples. Sample k depends on (seed, k) alone, through its own random stream, and never on `count`, on the batch
that it is computed in, or on other work of the machine.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, Field, field_validator, model_validator

from ganray.request_body import Body

MAX_SEED = 2**63 - 1
MAX_COUNT = 10_000
MAX_SIDE = 4096  # pixels
MAX_TRUNCATION = 8.0
OPTIONAL_FIELDS = ("title", "quality", "side", "truncation", "segment")  # fields added later: `canonical` omits them at their default
MAX_TEXT = 200  # characters
SHOWN_VALUES, SHOWN_TEXT = 20, 60  # most values that an error lists, and most characters that it quotes
DERIVED_BITS = 53  # of a derived seed: exact in every JSON reader and in float64 columns
# No control characters, and no characters that the XML of an image's label cannot hold (XML 1.0, production 2; pydantic refuses
# unpaired surrogates).
Text = Annotated[str, Field(max_length=MAX_TEXT, pattern=r"^[^\x00-\x1f\x7f\uFFFE\uFFFF]*$")]
_NO_ID = re.compile("[\x00-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
SAFE_TEXT = 80  # characters that are kept of a name that cannot be an id
NO_TEXT = "control characters, unpaired surrogates, U+FFFE and U+FFFF are not allowed"


class GenerateRequest(Body):
    """A request for `count` images of the given attributes, of the title, or of both.

    >>> request = ganray.GenerateRequest(id="SKU-1", attributes={"category": "mug"}, seed=7, count=4)
    >>> request.format
    'png'
    """

    id: Text = Field("", description="your name for this request, e.g. an SKU; names the images. Over HTTP it may be left out")
    attributes: dict[Text, Text] = Field(
        {},
        description="attribute -> value; attributes that are omitted or null are drawn from the seed, or left to the title if there is one",
    )
    title: Text = Field("", description="the product in words, for models that read titles; the order of words does not matter")
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = Field(None, description="same seed, same images; omitted: derived from the id")
    count: Annotated[int, Field(ge=1, le=MAX_COUNT)] = Field(1, description="images to make")
    format: Literal["png", "jpeg", "webp", "avif"] = Field("png", description="image format")
    quality: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="1..100 of jpeg, avif and lossy webp; omitted: 92 for jpeg, 85 for avif, and webp is lossless"
    )
    side: Annotated[int, Field(ge=0, le=MAX_SIDE)] = Field(
        0, description="side of the image in pixels, resampled (bicubic) from the model's own; 0: the model's own"
    )
    truncation: Annotated[float, Field(ge=0, le=MAX_TRUNCATION)] = Field(
        0.0,
        description="draw z from the normal distribution cut at this many standard deviations: less variety, fewer odd images; 0: not cut",
    )

    segment: Text = Field(
        "",
        description="the group of customers that the images are for: the job's policy may change the attributes for it. Recorded with them",
    )

    @field_validator("attributes", mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        """Structs of table columns have nulls for the fields that a row does not use."""
        if value is None:
            return {}
        return {name: text for name, text in value.items() if text is not None} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _lossless(self) -> GenerateRequest:
        if self.quality is not None and self.format == "png":
            raise ValueError("a png is lossless and has no quality: omit it, or use jpeg, webp or avif")
        return self

    def resolved(self, job_seed: int = 0) -> GenerateRequest:
        """A copy with the seed filled in, see `seed_of`."""
        return self.model_copy(update={"seed": seed_of(self, job_seed)})

    def canonical(self) -> str:
        """One line of JSON, equal for equal requests. OPTIONAL_FIELDS are omitted at their default, so older digests stay valid."""
        fields = self.model_dump(
            exclude={name for name in OPTIONAL_FIELDS if getattr(self, name) == GenerateRequest.model_fields[name].default}
        )
        return json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class EditRequest(Body):
    """A request to edit one photo by a chain of edits, with `count` results where an edit is random (vary).

    >>> ganray.EditRequest(id="SKU-1", image="hats/1.jpg", edits=["white", {"conform": "amazon-main"}]).count
    1
    """

    id: Text = Field("", description="your name for this request, e.g. an SKU; names the images. Over HTTP it may be left out")
    image: str = Field(
        min_length=1, description="the photo: its key under the job's or the server's source, or a data: URL (RFC 2397) with its bytes"
    )
    edits: tuple[str | dict[str, Any], ...] = Field(
        (), max_length=32, description='the chain, e.g. ["cutout", "white", {"conform": "amazon-main"}]; empty takes the job\'s'
    )
    pictures: dict[Text, Annotated[str, Field(min_length=1)]] = Field(
        {}, max_length=16, description="pictures that edits refer to by name (mask, background, reference): name -> key or data: URL"
    )
    attributes: dict[Text, Text] = Field({}, description="what the photo shows, attribute -> value, as far as known")
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = Field(None, description="seed of random edits; omitted: derived from the id")
    count: Annotated[int, Field(ge=1, le=MAX_COUNT)] = Field(1, description="results to make")
    format: Literal["", "png", "jpeg", "webp", "avif"] = Field(
        "", description="format of the result; empty: that of the last edit, else the photo's own"
    )
    quality: Annotated[int, Field(ge=1, le=100)] | None = Field(None, description="1..100 of jpeg, avif and lossy webp")

    @field_validator("pictures", mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        """Accept the forms of table columns: JSON in a cell, a map's pairs, a struct with nulls."""
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
        """Accept the string of the CLI and of table columns: `cutout,white,conform:amazon-main`, or JSON."""
        if not isinstance(value, str):
            return () if value is None else value
        if value.lstrip().startswith("["):
            return _json(value)
        return tuple(part.strip() for part in value.split(",") if part.strip())

    def canonical(self) -> str:
        """One line of JSON, equal for equal requests."""
        return json.dumps(self.model_dump(exclude_defaults=True), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _json(text: str) -> Any:
    """Parse a cell. Raises ValueError, which pydantic reports."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("brackets are nested too deep") from error


R = TypeVar("R", bound=GenerateRequest | EditRequest)


def seed_of(request: GenerateRequest | EditRequest, job_seed: int = 0) -> int:
    """The request's seed; if it has none, DERIVED_BITS bits of sha256 over the job's seed and the request's id."""
    if request.seed is not None:
        return request.seed
    return int.from_bytes(hashlib.sha256(f"{job_seed}/{request.id}".encode()).digest()[:8]) >> (64 - DERIVED_BITS)


class Stream:
    """Random numbers of each sample: the Philox counter generator (Salmon et al. 2011) with key (seed, index).

    One generator gets a new key for each sample, which takes a fifth of the time of creating one. Not thread-safe.
    """

    def __init__(self) -> None:
        self._bits = np.random.Philox(key=np.zeros(2, np.uint64))
        self._rng = np.random.Generator(self._bits)
        self._start = self._bits.state  # a copy: counter and buffers of a new generator

    def at(self, seed: int, index: int) -> np.random.Generator:
        """The numbers of sample `index` from the start; valid until the next call."""
        self._start["state"]["key"][:] = seed, index
        self._bits.state = self._start
        return self._rng


def sample_name(id: str, index: int) -> str:
    """The name of sample `index` of request `id` in labels and replies."""
    return f"{id}-{index}"


def file_name(id: str, index: int, format: str) -> str:
    """A name for the sample's object that is valid in every store and file system, and different for different ids."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", id)[:100]
    if safe != id:
        safe += "-" + hashlib.sha256(id.encode()).hexdigest()[:12]
    return f"{safe}-{index}.{'jpg' if format == 'jpeg' else format}"


def safe_id(name: str) -> str:
    """A name as the id of a request: the name itself if it is a valid one, else the readable end of it and a hash."""
    if len(name) <= MAX_TEXT and not _NO_ID.search(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{_NO_ID.sub('_', name)[-SAFE_TEXT:]}-{digest}"


def explain(errors: Sequence[Mapping[str, Any]], kind: type[BaseModel] = GenerateRequest) -> str:
    """Pydantic's errors (`error.errors()`) in one line: the first one with field and value, and the number of further ones."""
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
    """`attributes.colour`, safe to print; for a wrong key of a dictionary, the name of the dictionary."""
    parts = loc[:-2] if loc[-1:] == ("[key]",) else loc
    return ".".join(text if text.isprintable() and len(text) <= SHOWN_TEXT else _short(text) for text in map(str, parts))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_TEXT else text[: SHOWN_TEXT - 3] + "..."
