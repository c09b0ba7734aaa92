"""What can be asked for: one declaration is the HTTP body, the row of a bulk table and the input of the engine.

A request gives `count` samples. Sample k depends on (seed, k) alone, through its own random stream, and so never on `count`, on the
batch it is computed in, or on the machine's other work.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import TextIOWrapper
from typing import Annotated, Any, BinaryIO, Literal, TypeVar, cast, overload

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ganray.errors import RequestError
from ganray.words import NO_TITLES, Pieces

MAX_SEED = 2**63 - 1
MAX_COUNT = 10_000
MAX_SIDE = 4096  # pixels
MAX_TRUNCATION = 8.0
LATER = ("title", "quality", "side", "truncation", "segment")  # fields that requests did not always have
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
        fields = self.model_dump(exclude={name for name in LATER if getattr(self, name) == GenerateRequest.model_fields[name].default})
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


class Vocabulary:
    """A model's attributes and their values, in the order of the label's columns; how often each value is drawn where none is asked for.

    Behind the attributes a label has the pieces of a title, in models that read titles: see models/condition.py.
    """

    def __init__(
        self, values: Mapping[str, Sequence[str]], histograms: Mapping[str, Mapping[str, int]] | None = None, pieces: Pieces = NO_TITLES
    ) -> None:
        self.values = {name: list(known) for name, known in values.items()}
        self.pieces = pieces
        self.width = len(self.values) + pieces.num
        self._index = {name: {value: i for i, value in enumerate(known)} for name, known in self.values.items()}
        read = [pieces.num, pieces.buckets] if pieces.num else []
        self.digest = hashlib.sha256(json.dumps([list(self.values.items()), histograms or {}, *read], sort_keys=True).encode()).hexdigest()
        self._cumulative = {name: _cumulative(known, (histograms or {}).get(name, {})) for name, known in self.values.items()}

    def encode(self, request: GenerateRequest) -> dict[str, int]:
        """Asked attribute -> position of its value. Raises RequestError for what the model does not know, listing what it knows."""
        if request.title and not self.pieces.num:
            remedy = "title is one of its attributes: give it under attributes" if "title" in self._index else "Ask by attributes"
            raise RequestError(
                f"title {_short(request.title)}: the model was not trained with titles", f"{remedy}; or train with --model.title-pieces 48"
            )
        positions: dict[str, int] = {}
        for name, value in request.attributes.items():
            if name not in self._index:
                raise RequestError(f"attribute {name!r} is unknown", f"The model knows {_listed(self.values) or 'no attributes'}")
            if value not in self._index[name]:
                raise RequestError(f"{name} {value!r} is unknown", f"The model knows {_listed(self.values[name])}")
            positions[name] = self._index[name][value]
        return positions

    def complete(self, request: GenerateRequest, rng: np.random.Generator) -> list[int]:
        """The label [width]: positions of all attributes, then the title's pieces. Raises RequestError, see `encode`.

        Attributes that are not asked for are drawn from `rng` (which is used alike for all of them), or left unsaid where the title has
        words: they are one beyond their values then.
        """
        asked, uniform = self.encode(request), rng.random(len(self.values))
        pieces = self.pieces.of(request.title).tolist() if self.pieces.num else []
        if any(pieces):
            return [asked.get(name, len(known)) for name, known in self.values.items()] + pieces
        steps = zip(self._cumulative.items(), uniform.tolist(), strict=True)
        return [asked[name] if name in asked else bisect_right(cumulative, u) for (name, cumulative), u in steps] + pieces

    def names(self, label: Iterable[int]) -> dict[str, str]:
        """The label [width] in words: the value of every attribute that is not left unsaid."""
        columns = zip(self.values.items(), label, strict=False)
        return {name: known[int(place)] for (name, known), place in columns if place < len(known)}


def _request_for(attributes: Mapping[str, str], format: str = "png") -> GenerateRequest:
    """A request for values of a model's vocabulary, still without an id. Raises RequestError for a value that no request can name."""
    try:
        return GenerateRequest.model_validate({"attributes": attributes, "format": format})
    except ValidationError as error:
        raise RequestError(
            f"no request can name what the model knows: {explain(cast(list[Any], error.errors()))}",
            "Correct it in the catalog's table, ingest and train again; or generate from a table of requests that leave it out",
        ) from error


def spread_requests(num: int, attributes: Mapping[str, Sequence[str]], format: str = "png") -> Iterator[GenerateRequest]:
    """`num` requests of one image, spread evenly over the first attribute's values; the other attributes are left to the seed.

    Raises RequestError before the first one where a value cannot be asked for.
    """
    name, values = next(iter(attributes.items()), ("", ["sample"]))
    asked = [_request_for({name: value} if name else {}, format) for value in values[:num]]
    for i in range(num):
        number = f"-{i:06d}"
        id = values[i % len(values)][: MAX_TEXT - len(number)] + number
        yield asked[i % len(values)].model_copy(update={"id": id})


@overload
def read_requests(source: BinaryIO, name: str, format: str = "png") -> Iterator[GenerateRequest]: ...
@overload
def read_requests(source: BinaryIO, name: str, format: str = "png", *, kind: type[R]) -> Iterator[R]: ...
def read_requests(source: BinaryIO, name: str, format: str = "png", *, kind: type[Any] = GenerateRequest) -> Iterator[Any]:
    """Stream the requests of a table: JSONL of bodies, or CSV or Parquet where any column that is no field is an attribute.

    `name` (its suffix tells how to read it) is quoted in errors; `format` is for requests that name none, `kind` what they are; `source` is
    closed at the end. Raises RequestError with the line.
    """
    suffix = name.rpartition(".")[2].lower()
    if suffix not in READERS:
        raise RequestError(f"{name}: requests are read from {', '.join(READERS)} files", "Rename or convert the table")
    try:
        for place, row in READERS[suffix](source, name):
            flat = suffix != "jsonl"
            yield _parse(_from_columns(row, place, kind) if flat else row, place, format, kind)
    except (UnicodeDecodeError, csv.Error, OSError, ValueError) as error:  # pyarrow's errors are ValueErrors and OSErrors
        raise RequestError(f"{name}: not a readable {suffix} table: {error}", "Write it again as UTF-8 text, or as Parquet") from error


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


def _cumulative(values: Sequence[str], histogram: Mapping[str, int]) -> list[float]:
    """Upper edges of the values' shares of [0, 1): by count, or equal where there are no counts; [n - 1], the last is open."""
    counts = np.array([histogram.get(value, 0) for value in values], np.float64)
    if not counts.any():
        counts += 1.0
    return [float(edge) for edge in np.cumsum(counts / counts.sum())[:-1]]


def _listed(values: Iterable[str]) -> str:
    names = list(values)
    more = f", ... ({len(names)} in all)" if len(names) > SHOWN_VALUES else ""
    return ", ".join(names[:SHOWN_VALUES]) + more


def _parse(row: object, place: str, format: str, kind: type[R]) -> R:
    try:
        request = cast(R, kind.model_validate({"format": format, **row} if isinstance(row, dict) else row))
    except ValidationError as error:
        raise RequestError(
            f"{place}: {explain(cast(list[Any], error.errors()), kind)}", "Correct the row, then run the same command again"
        ) from error
    if not request.id:
        raise RequestError(f"{place}: the request has no id", "Give every row its own id, e.g. the SKU")
    return request


def _jsonl(source: BinaryIO, name: str) -> Iterator[tuple[str, Any]]:
    with TextIOWrapper(source, "utf-8-sig") as text:
        for number, line in enumerate(text, 1):
            if line.strip():
                try:
                    body = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise RequestError(f"{name} line {number}: not JSON: {error}", "Write one JSON object a line") from error
                yield f"{name} line {number}", body


def _csv(source: BinaryIO, name: str) -> Iterator[tuple[str, Any]]:
    with TextIOWrapper(source, "utf-8-sig", newline="") as text:
        reader = csv.DictReader(text)
        for row in reader:
            if None in row or None in row.values():
                raise RequestError(f"{name} line {reader.line_num}: more or fewer cells than the header", "Quote cells that hold commas")
            yield f"{name} line {reader.line_num}", row


def _parquet(source: BinaryIO, name: str) -> Iterator[tuple[str, Any]]:
    import pyarrow.parquet as pq

    number = 0
    for batch in pq.ParquetFile(source).iter_batches(batch_size=4096):
        for row in batch.to_pylist():
            number += 1
            yield f"{name} row {number}", row


def _from_columns(row: Mapping[str, Any], place: str, kind: type[BaseModel]) -> dict[str, Any]:
    """A flat row as a body: empty cells are left out; columns that are no fields are attributes, as are the parts of `attributes`."""
    cells = {name: value for name, value in row.items() if value is not None and value != ""}
    fields = {name: cells.pop(name) for name in list(cells) if name in kind.model_fields}
    fields |= {name: str(fields[name]) for name in ("id", "title") if name in fields}
    parts = fields.get("attributes", {})
    if isinstance(parts, dict):  # a struct
        parts = list(parts.items())
    if not isinstance(parts, list) or not all(isinstance(part, tuple) for part in parts):
        return fields  # neither a struct nor a map: refused as a body with such attributes is
    pairs = [(name, value) for name, value in (*parts, *cells.items()) if value is not None]
    attributes = {name: _as_text(value) for name, value in pairs}
    if len(attributes) < len(pairs):
        twice = next(name for name in attributes if [other for other, _ in pairs].count(name) > 1)
        raise RequestError(f"{place}: attribute {twice!r} is given twice", "Keep one column, or one entry of the map, for each attribute")
    return {**fields, "attributes": attributes}


def _as_text(value: object) -> object:
    """Numbers, dates and truth values as they are written; what has parts is no attribute, and is refused later."""
    return value if isinstance(value, (dict, list, bytes)) else str(value)


READERS: dict[str, Callable[[BinaryIO, str], Iterator[tuple[str, Any]]]] = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}
