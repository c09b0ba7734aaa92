"""Read XMP and C2PA manifest stores from image files: PNG chunks, JPEG segments, RIFF chunks of WebP, TIFF tags, blocks of GIF, and items
and boxes of AVIF (ISO 14496-12, HEIF).

A parser of its own, independent of the library that wrote the file, so that reading back verifies the writer. Broken bytes give no XMP.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

PNG_KEYWORD = b"XML:com.adobe.xmp"
JPEG_MARKER = b"http://ns.adobe.com/xap/1.0/\x00"
TIFF_XMP, TIFF_MANIFESTS = 700, 0xCD41
MAX_PACKET = 1 << 20  # bytes of an inflated packet; a label is smaller
CREDENTIALS_SEGMENT = 0xEB  # APP11
MANIFESTS_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # the `uuid` box of C2PA in ISO files
MANIFESTS_BLOCK = b"\x21\xff\x0bC2PA_GIF\x01\x00\x00"  # the application extension of C2PA in GIF


def xmp_of(data: bytes) -> bytes:
    """The XMP packet (UTF-8 XML) of an encoded image; empty if there is none or the container is broken."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        for kind, body in png_chunks(data):
            if kind == b"iTXt" and body.startswith(PNG_KEYWORD + b"\x00"):
                return _png_text(body[len(PNG_KEYWORD) + 1 :])
    elif data.startswith(b"\xff\xd8"):
        for marker, body in _jpeg_segments(data):
            if marker == 0xE1 and body.startswith(JPEG_MARKER):
                return body[len(JPEG_MARKER) :]
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        for kind, body in _riff_chunks(data):
            if kind == b"XMP ":
                return body
    elif data[4:8] == b"ftyp":
        return _avif_item(data, b"application/rdf+xml\x00")
    elif data[:4] in (b"II*\x00", b"MM\x00*"):
        return _tiff_tag(data, TIFF_XMP)
    return b""


def manifests_of(data: bytes) -> bytes:
    """The C2PA manifest stores (JUMBF) of an encoded image; empty if it has none or the container is broken."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return b"".join(body for kind, body in png_chunks(data) if kind == b"caBX")
    if data.startswith(b"\xff\xd8"):
        return _jpeg_jumbf(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return b"".join(body for kind, body in _riff_chunks(data) if kind == b"C2PA")
    if data[4:8] == b"ftyp":
        boxes = (data[first:last] for kind, first, last in iso_boxes(data, 0, len(data)) if kind == b"uuid")
        return b"".join(_iso_jumbf(box) for box in boxes if box.startswith(MANIFESTS_BOX))
    if data[:4] in (b"II*\x00", b"MM\x00*"):
        return _tiff_tag(data, TIFF_MANIFESTS)
    return _gif_blocks(data, data.find(MANIFESTS_BLOCK)) if data.startswith(b"GIF8") else b""


def _jpeg_jumbf(data: bytes) -> bytes:
    """The boxes of APP11 segments (ISO 19566-5, D.2): each segment repeats the head of the box that it continues."""
    parts: dict[int, dict[int, bytes]] = {}
    for marker, body in _jpeg_segments(data):
        if marker == CREDENTIALS_SEGMENT and body.startswith(b"JP") and len(body) >= 16:
            instance, number = struct.unpack_from(">HI", body, 2)
            parts.setdefault(instance, {})[number] = body[8:]
    boxes = []
    for segments in parts.values():
        first, *rest = (segments[number] for number in sorted(segments))
        head = 16 if first.startswith(b"\x00\x00\x00\x01") else 8
        boxes.append(first + b"".join(part[head:] for part in rest))
    return b"".join(boxes)


def _iso_jumbf(box: bytes) -> bytes:
    """The store in the body of a `uuid` box: after its identifier, version and flags, purpose, and (for a manifest) an offset."""
    purpose, _, rest = box[20:].partition(b"\x00")
    return rest[8:] if purpose in (b"manifest", b"original", b"update") else b""


def _gif_blocks(data: bytes, at: int) -> bytes:
    """The sub-blocks of the application extension at an offset; empty for none (-1)."""
    blocks, at = [], at + len(MANIFESTS_BLOCK) if at >= 0 else len(data)
    while at < len(data) and data[at]:
        blocks.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return b"".join(blocks)


def _png_text(body: bytes) -> bytes:
    """The text of an iTXt chunk, given its bytes after the keyword; plain or deflated."""
    parts = body[2:].split(b"\x00", 2)  # after flag and method: language, translated keyword, text
    if len(parts) < 3 or body[1:2] != b"\x00":
        return b""
    try:
        return zlib.decompressobj().decompress(parts[2], MAX_PACKET) if body[:1] == b"\x01" else parts[2]
    except zlib.error:
        return b""


def _tiff_tag(data: bytes, wanted_tag: int) -> bytes:
    """The bytes of a tag in the first directory of a TIFF (6.0, section 2)."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        (first,) = struct.unpack_from(f"{order}I", data, 4)
        (num,) = struct.unpack_from(f"{order}H", data, first)
        for position in range(first + 2, first + 2 + 12 * num, 12):
            tag, kind, length, offset = struct.unpack_from(f"{order}HHII", data, position)
            if tag == wanted_tag and kind in (1, 7) and length > 4:
                return data[offset : offset + length]
    except struct.error:
        pass
    return b""


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, body) of the chunks of a PNG."""
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        if data[at + 1] == 0xFF:  # a fill byte
            at += 1
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        yield data[at + 1], data[at + 4 : at + 2 + length]
        at += 2 + length


def jpeg_frame(data: bytes) -> tuple[int, bool]:
    """The offset of height and width (2 bytes each) in a JPEG's frame header, -1 if there is none; and whether its first scan has all
    components block by block, in sequence."""
    at, size_at, sequential = 2, -1, False
    while at + 9 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        if 0xC0 <= data[at + 1] <= 0xCF and data[at + 1] not in (0xC4, 0xC8, 0xCC):
            size_at, sequential = at + 5, data[at + 1] <= 0xC1
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4])
    whole = size_at >= 0 and data[at + 1 : at + 2] == b"\xda" and data[at + 4 : at + 5] == data[size_at + 4 : size_at + 5]
    return size_at, sequential and whole


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def iso_boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, stop) of the bodies of the boxes between two offsets of a file."""
    while at + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 16 if length == 1 else 8
        if length == 1:  # the real one follows
            length = int.from_bytes(data[at + 8 : at + 16])
        elif length == 0:  # up to the end
            length = end - at
        if length < head or at + length > end:
            return
        yield kind, at + head, at + length
        at += length


def _avif_item(data: bytes, media_type: bytes) -> bytes:
    """The bytes of the first item of a media type: `iinf` has its name, `iloc` its offset, in version 0 or 1 or (infe) 2."""
    boxes = {kind: (first, last) for kind, first, last in iso_boxes(data, 0, len(data)) if kind == b"meta"}
    if b"meta" not in boxes:
        return b""
    first, last = boxes[b"meta"]
    inner = {kind: (start, stop) for kind, start, stop in iso_boxes(data, first + 4, last)}
    if not {b"iinf", b"iloc"} <= inner.keys():
        return b""
    start, stop = inner[b"iinf"]
    skip = 6 if data[start] == 0 else 8  # version and flags, then the count
    for kind, at, end in iso_boxes(data, start + skip, stop):
        if kind == b"infe" and data[at] == 2 and data[at + 8 : at + 12] == b"mime":
            _, _, rest = data[at + 12 : end].partition(b"\x00")  # after the item's name
            if rest.startswith(media_type):
                return _avif_extent(data, *inner[b"iloc"], item=int.from_bytes(data[at + 4 : at + 6]))
    return b""


def _avif_extent(data: bytes, at: int, end: int, item: int) -> bytes:
    """The bytes of an item that has a single extent."""
    version, sizes, more = data[at], data[at + 4], data[at + 5]
    of_offset, of_length, of_base, of_index = sizes >> 4, sizes & 15, more >> 4, (more & 15) if version else 0
    num, at = int.from_bytes(data[at + 6 : at + 8]), at + 8
    head = 2 + (2 if version else 0) + 2 + of_base  # id, construction method, data reference, base
    for _ in range(num if version < 2 else 0):
        item_id = int.from_bytes(data[at : at + 2])
        base = int.from_bytes(data[at + head - of_base : at + head])
        extents, at = int.from_bytes(data[at + head : at + head + 2]), at + head + 2
        extent = at + of_index
        offset = base + int.from_bytes(data[extent : extent + of_offset])
        length = int.from_bytes(data[extent + of_offset : extent + of_offset + of_length])
        if item_id == item and extents == 1 and at < end:
            return data[offset : offset + length]
        at += extents * (of_index + of_offset + of_length)
    return b""
