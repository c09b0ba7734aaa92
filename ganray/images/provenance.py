"""Labels of images that a model generated or edited: written as XMP and verified by reading them back from the encoded bytes.

IPTC Photo Metadata 2023.1 `DigitalSourceType`, and the implicit label of GB 45438-2025 (`TC260:AIGC`, a JSON object of strings).
Labels have no time: the same request gives the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from ganray.errors import ImageError
from ganray.images.codec import NOTHING, Format, Kept, Pixels, encode
from ganray.images.containers import manifests_of, xmp_of
from ganray.images.manifests import claimed_source_types

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
NAMESPACES = {
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
    "ganray": "urn:ganray:label:1",
}
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
PREFIXES = {uri: prefix for prefix, uri in NAMESPACES.items()}
HEAD = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'\n<rdf:RDF xmlns:rdf="{RDF}">\n <rdf:Description rdf:about=""'
    + "".join(f' xmlns:{prefix}="{escape(uri)}"' for prefix, uri in NAMESPACES.items())
)
TAIL = '/>\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="r"?>'
DESCRIPTION, RESOURCE = f"{RDF}}}Description", f"{RDF}}}resource"
SPECIAL = re.compile(r"[&<>\"'\s]")
SOURCE_TYPE = "Iptc4xmpExt:DigitalSourceType"
# Terms for the part of a model, the strongest first; other terms, such as digitalCapture, claim no model.
MADE = (
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "compositeSynthetic",
    "algorithmicMedia",
    "algorithmicallyEnhanced",
)
GENERATIVE = MADE[:2]
KEPT_PROPERTIES = (SOURCE_TYPE, "xmp:CreatorTool", "TC260:AIGC")
MAX_KEPT = 8192  # characters of a property: a JPEG has 64 kB for all of them
COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Label:
    """The label of a generated image; `kind` is a term of IPTC's digital source type vocabulary."""

    model_digest: str
    request_id: str
    seed: int
    software: str = "ganray"
    kind: str = "trainedAlgorithmicMedia"


@dataclass(frozen=True)
class EditLabel:
    """The label of an edited photo: the record of the edit, and the provenance in `source`, the photo's own label (`read_label`).

    `kinds` are the IPTC terms of the edits; if there are none and the photo has none, no digital source type is claimed.
    """

    edits: str
    model_digest: str
    request_id: str
    seed: int
    source_sha256: str
    source: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    software: str = "ganray"

    @property
    def source_type(self) -> str:
        """The term that the file claims; empty if it claims none."""
        return strongest([self.source.get(SOURCE_TYPE, ""), *self.kinds])


def xmp_packet(label: Label | EditLabel) -> bytes:
    """The label as an XMP packet (UTF-8 XML)."""
    return _packet_of(_properties(label))


def read_label(data: bytes) -> dict[str, str]:
    """The labelled properties in the encoded bytes of a PNG, JPEG, WebP, AVIF, TIFF or GIF, {} if none.

    Keys are prefixed names, such as `Iptc4xmpExt:DigitalSourceType`. They stand in XMP; that one also in C2PA credentials: of both, the
    strongest term counts.
    """
    properties = _read_xmp(xmp_of(data))
    if claimed := claimed_source_types(manifests_of(data)):
        own = properties.get(SOURCE_TYPE, "")
        kind = strongest([own, *claimed])
        if own.rpartition("/")[2] != kind:
            properties[SOURCE_TYPE] = SOURCE_TYPES + kind
    return properties


def _read_xmp(packet: bytes) -> dict[str, str]:
    if b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        return {}
    properties: dict[str, str] = {}
    parser = expat.ParserCreate(namespace_separator="}")
    reader = _Reader(properties)
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = reader.start, reader.end, reader.text
    try:
        parser.Parse(packet, True)
    except expat.ExpatError:
        return {}
    return properties


class _Reader:
    """Collects the properties of RDF descriptions: attributes, or elements with a resource or text."""

    def __init__(self, properties: dict[str, str]) -> None:
        self._properties, self._depth = properties, 0
        self._name, self._resource, self._text = "", "", ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Start of an element: a description, or a property in one."""
        if self._depth:
            self._depth += 1
            if self._depth == 2:
                self._name, self._resource, self._text = name, attributes.get(RESOURCE, ""), ""
        elif name == DESCRIPTION:
            self._depth = 1
            for key, value in attributes.items():
                self._add(key, value)

    def text(self, data: str) -> None:
        """Text of an element."""
        if self._depth == 2:
            self._text += data

    def end(self, name: str) -> None:
        """End of an element."""
        if self._depth == 2:
            self._add(self._name, self._resource or self._text)
        self._depth = max(0, self._depth - 1)

    def _add(self, name: str, value: str) -> None:
        uri, _, local = name.partition("}")
        if uri in PREFIXES:
            self._properties[f"{PREFIXES[uri]}:{local}"] = value


def encode_labelled(
    pixels: Pixels,
    format: Format,
    label: Label | EditLabel,
    quality: int | None = None,
    alpha: Pixels | None = None,
    kept: Kept = NOTHING,
) -> bytes:
    """Encode uint8 [H, W, 3] with its label. Raises ImageError("label_unverified") unless the label reads back from the bytes."""
    properties = _properties(label)
    data = encode(pixels, format, _packet_of(properties), quality, alpha=alpha, kept=kept)
    if read_label(data) != properties:
        raise ImageError("label_unverified", f"the label of {label.request_id} does not read back from its {format} bytes")
    return data


def check_label(data: bytes, label: Label | EditLabel, format: str) -> None:
    """Raises ImageError("label_unverified") unless the whole label reads back from the encoded bytes."""
    if read_label(data) != _properties(label):
        raise ImageError("label_unverified", f"the label of {label.request_id} does not read back from its {format} bytes")


def strongest(kinds: Iterable[str]) -> str:
    """Of terms of the vocabulary or their URIs, the one that claims the largest part of a model; the first if none claims one."""
    terms = [kind.rpartition("/")[2] for kind in kinds if kind]
    ranks = {term: place for place, term in enumerate(MADE)}
    return min(terms, key=lambda term: ranks.get(term, len(MADE)), default="")


def kept(properties: Mapping[str, str]) -> dict[str, str]:
    """The properties of a photo (`read_label`) about its provenance, which an edit must keep. Others, such as people in it, are dropped
    like all metadata."""
    return {
        name: value
        for name, value in properties.items()
        if (name in KEPT_PROPERTIES or name.startswith("ganray:")) and len(value) <= MAX_KEPT
    }


def _properties(label: Label | EditLabel) -> dict[str, str]:
    return _generated_properties(label) if isinstance(label, Label) else _edited_properties(label)


def _generated_properties(label: Label) -> dict[str, str]:
    return {
        SOURCE_TYPE: SOURCE_TYPES + label.kind,
        "xmp:CreatorTool": label.software,
        "TC260:AIGC": _implicit(label),
        "ganray:ModelDigest": label.model_digest,
        "ganray:RequestID": label.request_id,
        "ganray:Seed": str(label.seed),
    }


def _edited_properties(label: EditLabel) -> dict[str, str]:
    """The provenance of the source, then the record of the edit under separate names: an edit of a generated image has both records."""
    properties = kept(label.source)
    source_type = label.source.get(SOURCE_TYPE, "")
    if kind := strongest([source_type, *label.kinds]):
        properties[SOURCE_TYPE] = source_type if source_type.rpartition("/")[2] == kind else SOURCE_TYPES + kind
    if strongest(label.kinds) in GENERATIVE:
        properties.setdefault("TC260:AIGC", _implicit(label))
    return properties | {
        "ganray:Edits": label.edits,
        "ganray:EditModelDigest": label.model_digest,
        "ganray:EditRequestID": label.request_id,
        "ganray:EditSeed": str(label.seed),
        "ganray:EditSoftware": label.software,
        "ganray:SourceSHA256": label.source_sha256,
    }


def _implicit(label: Label | EditLabel) -> str:
    """The value of TC260:AIGC."""
    implicit = {
        "Label": "1",
        "ContentProducer": label.software,
        "ProduceID": label.request_id,
        "ReservedCode1": label.model_digest,
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }
    return COMPACT.encode(implicit)


def _packet_of(properties: dict[str, str]) -> bytes:
    fields = "".join([f"\n  {name}={_quoted(value)}" for name, value in properties.items()])
    return f"{HEAD}{fields}{TAIL}".encode()


def _quoted(value: str) -> str:
    return quoteattr(value) if SPECIAL.search(value) else f'"{value}"'
