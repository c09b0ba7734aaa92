"""Read the digital source types that C2PA content credentials claim (C2PA 2.x; JUMBF: ISO 19566-5), without the library that signs.

A manifest store is a tree of boxes: manifests, the last one active, each with a store of assertions. Actions say how the picture came
about; ingredients name the pictures that it was made of, by the manifests that they had. No signature is verified and nothing is fetched:
a picture that says that a model made it is believed, as one that says so in XMP is. The bytes come from outside: what is broken, too
large or compressed claims nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ganray.images.cbor import load_cbor

STORE, ASSERTIONS = b"c2pa", b"c2as"  # first bytes of a description's type
MAX_ASSERTION, MAX_ASSERTIONS = 1 << 18, 1 << 20  # bytes of one that is read, and of all
MAX_DEPTH = 32  # of values within an assertion
ACTIONS, INGREDIENT, METADATA = "c2pa.actions", "c2pa.ingredient", ("c2pa.metadata", "cawg.metadata", "stds.")
PARENT, COMPONENT = "parentOf", "componentOf"
COMPOSITE = "compositeWithTrainedAlgorithmicMedia"
AS_COMPONENT = {  # what a picture is that has a part with this term; a part of another kind, such as a photo, says nothing of the whole
    "trainedAlgorithmicMedia": COMPOSITE,
    COMPOSITE: COMPOSITE,
    "algorithmicMedia": "compositeSynthetic",
    "compositeSynthetic": "compositeSynthetic",
}
C2PA_VOCABULARY = "c2pa.org/"
C2PA_TERMS = {"trainedAlgorithmicData": "trainedAlgorithmicMedia"}  # of its own vocabulary: in a picture, the same; others say nothing
TERM = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")


class Manifest(NamedTuple):
    """What a manifest claims itself (terms), and its ingredients: (relationship, label of their manifest)."""

    terms: list[str]
    ingredients: list[tuple[str, str]]


def claimed_source_types(store: bytes) -> list[str]:
    """The digital source types (terms) of a manifest store: those of the active manifest, then those of its ingredients."""
    manifests = _manifests(store)
    if not manifests:
        return []
    active = next(reversed(manifests))
    terms: list[str] = []
    waiting, seen = [(active, False)], {(active, False)}
    for label, component in waiting:  # grows while it is walked
        manifest = manifests[label]
        terms += _as_component(manifest.terms) if component else manifest.terms
        for relationship, parent in manifest.ingredients:
            following = parent, component or relationship == COMPONENT
            if parent in manifests and following not in seen and relationship in (PARENT, COMPONENT):
                seen.add(following)
                waiting.append(following)
    return terms


def _as_component(terms: list[str]) -> list[str]:
    return [AS_COMPONENT[term] for term in terms if term in AS_COMPONENT]


def _manifests(store: bytes) -> dict[str, Manifest]:
    """The manifests by their labels, in order."""
    manifests: dict[str, Manifest] = {}
    budget = MAX_ASSERTIONS
    for _, _, body in (box for box in _superboxes(store) if box[0][:4] == STORE):
        for _, label, manifest in _superboxes(body):
            terms: list[str] = []
            ingredients: list[tuple[str, str]] = []
            for name, value, size in _assertions(manifest, budget):
                budget -= size
                if name.startswith(INGREDIENT):
                    ingredients += _ingredient(value)
                else:
                    terms += _source_types(value, MAX_DEPTH)
            manifests.pop(label, None)
            manifests[label] = Manifest(terms, ingredients)
    return manifests


def _assertions(manifest: bytes, budget: int) -> Iterator[tuple[str, Any, int]]:
    """(label, value, size in bytes) of the assertions that may say how the picture came about, within `budget` bytes."""
    for kind, _, assertions in _superboxes(manifest):
        if kind[:4] != ASSERTIONS:
            continue
        for _, label, content in _superboxes(assertions):
            if not label.startswith((ACTIONS, INGREDIENT, *METADATA)):
                continue
            for box, body in _boxes(content):
                if box in (b"cbor", b"json") and len(body) <= min(budget, MAX_ASSERTION):
                    budget -= len(body)
                    yield label, _value(box, body), len(body)


def _value(kind: bytes, body: bytes) -> Any:
    try:
        return load_cbor(body) if kind == b"cbor" else json.loads(body)
    except (ValueError, RecursionError):
        return None


def _source_types(value: Any, depth: int) -> Iterator[str]:
    """Every digital source type in an assertion: of actions, or of IPTC metadata, whose key has a prefix."""
    if depth < 0:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.replace("/", ":").rpartition(":")[2].lower() == "digitalsourcetype":
                yield from _texts(inner)
            else:
                yield from _source_types(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _source_types(inner, depth - 1)


def _texts(value: Any) -> Iterator[str]:
    """The term of a URI, in a list, or in JSON-LD's `@id` and `@value`."""
    if isinstance(value, str):
        vocabulary, _, term = value.strip().rpartition("/")
        term = C2PA_TERMS.get(term, "") if C2PA_VOCABULARY in f"{vocabulary}/" else term
        if TERM.fullmatch(term):
            yield term
    elif isinstance(value, (list, dict)):
        inside = value if isinstance(value, list) else [value.get("@id"), value.get("@value")]
        yield from (text for inner in inside if isinstance(inner, str) for text in _texts(inner))


def _ingredient(value: Any) -> Iterator[tuple[str, str]]:
    """(relationship, label of its manifest) of an ingredient assertion: c2pa_manifest in version 1 and 2, activeManifest in 3."""
    if isinstance(value, dict):
        reference = value.get("activeManifest") or value.get("c2pa_manifest")
        url = reference.get("url") if isinstance(reference, dict) else None
        relationship = value.get("relationship")
        if isinstance(url, str) and isinstance(relationship, str):
            path = url.rpartition("jumbf=")[2].strip("/").split("/")
            yield relationship, path[1] if path[0] == "c2pa" and len(path) > 1 else path[0]


def _superboxes(data: bytes) -> Iterator[tuple[bytes, str, bytes]]:
    """(type, label, content after the description) of the JUMBF superboxes in `data`."""
    for kind, body in _boxes(data):
        if kind != b"jumb":
            continue
        for inner, description in _boxes(body):
            if inner == b"jumd" and len(description) >= 17:
                label = description[17:].partition(b"\x00")[0] if description[16] & 2 else b""
                yield description[:16], label.decode(errors="replace"), body
            break  # the description comes first


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, body) of the boxes in `data` (ISO 14496-12); they end where one is broken."""
    at = 0
    while at + 8 <= len(data):
        length, kind, head = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8], 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16]), 16
        elif length == 0:
            length = len(data) - at
        if length < head or at + length > len(data):
            return
        yield kind, data[at + head : at + length]
        at += length
