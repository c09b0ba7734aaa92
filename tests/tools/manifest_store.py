"""C2PA manifest stores built by hand (JUMBF, CBOR), and put into files: an independent writer for the reader."""

import io
import json
import struct
import zlib

import numpy as np
from PIL import Image

TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TYPE_TAIL = bytes.fromhex("00110010800000aa00389b71")


def cbor(value) -> bytes:
    """RFC 8949 in its shortest form."""
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if value is None:
        return b"\xf6"
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(cbor(part) for pair in value.items() for part in pair)
    return head(4, len(value)) + b"".join(map(cbor, value))


def head(major: int, number: int) -> bytes:
    for short, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 24:
            return bytes([major << 5 | number])
        if number < 1 << (8 * size):
            return bytes([major << 5 | short]) + number.to_bytes(size)
    raise ValueError(number)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def superbox(kind: bytes, label: str, *content: bytes) -> bytes:
    return box(b"jumb", box(b"jumd", kind + TYPE_TAIL + b"\x03" + label.encode() + b"\x00") + b"".join(content))


def actions(*terms: str, label: str = "c2pa.actions.v2") -> bytes:
    """An assertion of one action for each term ("" for an action without one)."""
    steps = [{"action": "c2pa.edited", **({"digitalSourceType": TERMS + term} if term else {})} for term in terms]
    return superbox(b"cbor", label, box(b"cbor", cbor({"actions": steps})))


def ingredient(manifest: str, relationship: str = "parentOf", key: str = "activeManifest", label: str = "c2pa.ingredient.v3") -> bytes:
    reference = {"url": f"self#jumbf=/c2pa/{manifest}", "hash": b"\0" * 32}
    return superbox(b"cbor", label, box(b"cbor", cbor({"relationship": relationship, key: reference})))


def metadata(properties: dict, label: str = "cawg.metadata") -> bytes:
    return superbox(b"json", label, box(b"json", json.dumps(properties).encode()))


def manifest(label: str, *assertions: bytes) -> bytes:
    claim = superbox(b"c2cl", "c2pa.claim.v2", box(b"cbor", cbor({"instanceID": label})))
    return superbox(b"c2ma", label, superbox(b"c2as", "c2pa.assertions", *assertions), claim)


def store(*manifests: bytes) -> bytes:
    """The manifests, the last one active."""
    return superbox(b"c2pa", "c2pa", *manifests)


def put(pixels: np.ndarray, format: str, jumbf: bytes, **options) -> bytes:
    """The picture as a file of Pillow's `format` that has the store where C2PA puts it."""
    buffer = io.BytesIO()
    if format == "TIFF":
        options["tiffinfo"] = {0xCD41: jumbf}
    Image.fromarray(pixels).save(buffer, format, **options)
    return INTO[format](buffer.getvalue(), jumbf)


def _png(data: bytes, jumbf: bytes) -> bytes:
    at = data.index(b"IDAT") - 4
    chunk = b"caBX" + jumbf
    return data[:at] + struct.pack(">I", len(jumbf)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[at:]


def _jpeg(data: bytes, jumbf: bytes, room: int = 200) -> bytes:
    """In several segments, each of which repeats the box's head."""
    parts = [jumbf[8:][at : at + room] for at in range(0, len(jumbf) - 8, room)]
    bodies = [b"JP" + struct.pack(">HI", 1, number) + jumbf[:8] + part for number, part in enumerate(parts, 1)]
    return data[:2] + b"".join(b"\xff\xeb" + struct.pack(">H", len(body) + 2) + body for body in bodies) + data[2:]


def _webp(data: bytes, jumbf: bytes) -> bytes:
    more = b"C2PA" + struct.pack("<I", len(jumbf)) + jumbf + bytes(len(jumbf) % 2)
    return b"RIFF" + struct.pack("<I", len(data) - 8 + len(more)) + data[8:] + more


def _avif(data: bytes, jumbf: bytes) -> bytes:
    body = bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + bytes(4) + b"manifest\x00" + bytes(8) + jumbf
    return data + box(b"uuid", body)


def _gif(data: bytes, jumbf: bytes) -> bytes:
    blocks = b"".join(bytes([len(part)]) + part for part in (jumbf[at : at + 255] for at in range(0, len(jumbf), 255)))
    return data[:-1] + b"\x21\xff\x0bC2PA_GIF\x01\x00\x00" + blocks + b"\x00" + data[-1:]


INTO = {"PNG": _png, "JPEG": _jpeg, "WEBP": _webp, "AVIF": _avif, "GIF": _gif, "TIFF": lambda data, jumbf: data}
