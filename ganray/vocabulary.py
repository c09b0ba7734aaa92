"""The attribute values of a model as label columns, and requests spread over them."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
from pydantic import ValidationError

from ganray.errors import RequestError
from ganray.requests import MAX_TEXT, SHOWN_VALUES, GenerateRequest, _short, explain
from ganray.tables.spelling import fold
from ganray.titles import NO_TITLES, Pieces


class Vocabulary:
    """A model's attributes and their values, in the order of the label's columns, and the frequencies by which omitted ones are drawn.

    In models that read titles, a label has the pieces of the title after the attributes: see models/condition.py.
    """

    def __init__(
        self, values: Mapping[str, Sequence[str]], histograms: Mapping[str, Mapping[str, int]] | None = None, pieces: Pieces = NO_TITLES
    ) -> None:
        self.values = {name: list(known) for name, known in values.items()}
        self.pieces = pieces
        self.width = len(self.values) + pieces.num
        self._index = {name: {value: i for i, value in enumerate(known)} for name, known in self.values.items()}
        self._alike = {name: _alike(known) for name, known in self.values.items()}
        title_format = [pieces.num, pieces.buckets] if pieces.num else []
        self.digest = hashlib.sha256(
            json.dumps([list(self.values.items()), histograms or {}, *title_format], sort_keys=True).encode()
        ).hexdigest()
        self._cumulative = {name: _cumulative(known, (histograms or {}).get(name, {})) for name, known in self.values.items()}

    def encode(self, request: GenerateRequest) -> dict[str, int]:
        """Requested attribute -> position of its value. Raises RequestError for unknown ones, listing the known ones.

        A value in another case or spelling (`tables/spelling.py`) is the known one, if it is that of a single one.
        """
        if request.title and not self.pieces.num:
            remedy = "title is one of its attributes: give it under attributes" if "title" in self._index else "Use attributes"
            raise RequestError(
                f"title {_short(request.title)}: the model was not trained with titles", f"{remedy}; or train with --model.title-pieces 48"
            )
        positions: dict[str, int] = {}
        for name, value in request.attributes.items():
            if name not in self._index:
                raise RequestError(f"attribute {name!r} is unknown", f"The model knows {_listed(self.values) or 'no attributes'}")
            positions[name] = self._position(name, value)
        return positions

    def _position(self, name: str, value: str) -> int:
        if value in self._index[name]:
            return self._index[name][value]
        alike = self._alike[name].get(fold(value), [])
        if len(alike) > 1:
            raise RequestError(f"{name} {value!r} is ambiguous", f"The model knows {_listed(self.values[name][i] for i in alike)}")
        if not alike:
            raise RequestError(f"{name} {value!r} is unknown", f"The model knows {_listed(self.values[name])}")
        return alike[0]

    def known(self, attributes: Mapping[str, str]) -> dict[str, str]:
        """Attributes with their values as the model knows them; what it does not know stays as it is."""
        found = dict(attributes)
        for name, value in attributes.items():
            alike = self._alike.get(name, {}).get(fold(value), [])
            if len(alike) == 1 and value not in self._index[name]:
                found[name] = self.values[name][alike[0]]
        return found

    def complete(self, request: GenerateRequest, rng: np.random.Generator) -> list[int]:
        """The label [width]: positions of all attributes, then the title's pieces. Raises RequestError, see `encode`.

        Omitted attributes are drawn from `rng` (which advances by one number for each attribute, omitted or not), or unspecified if the
        title has words: their position is then one beyond their values.
        """
        positions, uniform = self.encode(request), rng.random(len(self.values))
        pieces = self.pieces.of(request.title).tolist() if self.pieces.num else []
        if any(pieces):
            return [positions.get(name, len(known)) for name, known in self.values.items()] + pieces
        steps = zip(self._cumulative.items(), uniform.tolist(), strict=True)
        return [positions[name] if name in positions else bisect_right(cumulative, u) for (name, cumulative), u in steps] + pieces

    def names(self, label: Iterable[int]) -> dict[str, str]:
        """The values of a label [width] by attribute, without unspecified ones."""
        columns = zip(self.values.items(), label, strict=False)
        return {name: known[int(position)] for (name, known), position in columns if position < len(known)}


def _alike(values: Sequence[str]) -> dict[str, list[int]]:
    """Folded value -> the positions of the values that it may mean."""
    alike: dict[str, list[int]] = {}
    for place, value in enumerate(values):
        alike.setdefault(fold(value), []).append(place)
    return alike


def _request_for(attributes: Mapping[str, str], format: str = "png") -> GenerateRequest:
    """A request for values of a model's vocabulary, without an id yet. Raises RequestError for a value that a request cannot hold."""
    try:
        return GenerateRequest.model_validate({"attributes": attributes, "format": format})
    except ValidationError as error:
        raise RequestError(
            f"a value of the model cannot be used in a request: {explain(cast(list[Any], error.errors()))}",
            "Correct it in the catalog's table, ingest and train again; or generate from a table of requests without it",
        ) from error


def spread_requests(num: int, attributes: Mapping[str, Sequence[str]], format: str = "png") -> Iterator[GenerateRequest]:
    """`num` requests of one image, spread evenly over the first attribute's values; the seed draws the other attributes.

    Raises RequestError before the first request for a value that cannot be requested.
    """
    name, values = next(iter(attributes.items()), ("", ["sample"]))
    requests = [_request_for({name: value} if name else {}, format) for value in values[:num]]
    for i in range(num):
        number = f"-{i:06d}"
        id = values[i % len(values)][: MAX_TEXT - len(number)] + number
        yield requests[i % len(values)].model_copy(update={"id": id})


def _cumulative(values: Sequence[str], histogram: Mapping[str, int]) -> list[float]:
    """Upper edges [n - 1] of the values' intervals in [0, 1): proportional to counts, or equal without counts; the last edge is 1."""
    counts = np.array([histogram.get(value, 0) for value in values], np.float64)
    if not counts.any():
        counts += 1.0
    return [float(edge) for edge in np.cumsum(counts / counts.sum())[:-1]]


def _listed(values: Iterable[str]) -> str:
    names = list(values)
    more = f", ... ({len(names)} in all)" if len(names) > SHOWN_VALUES else ""
    return ", ".join(names[:SHOWN_VALUES]) + more
