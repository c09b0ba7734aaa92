"""What a file holds beside its C2PA credentials."""

from ganray.images.containers import CREDENTIALS_SEGMENT, _riff_chunks, iso_boxes, png_chunks


def beside_credentials(data: bytes) -> bytes:
    """The content of an encoded image without its C2PA credentials, for comparison: equal for all signings of one image. Not a file."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return b"".join(kind + body for kind, body in png_chunks(data) if kind != b"caBX")
    if data.startswith(b"\xff\xd8"):
        return _jpeg_without(data, CREDENTIALS_SEGMENT)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return b"".join(kind + body for kind, body in _riff_chunks(data) if kind != b"C2PA")
    if data[4:8] == b"ftyp":  # `meta` has offsets, which the credentials shift
        return b"".join(kind + data[first:last] for kind, first, last in iso_boxes(data, 0, len(data)) if kind not in (b"uuid", b"meta"))
    return data


def _jpeg_without(data: bytes, unwanted: int) -> bytes:
    """A JPEG without the segments of one marker, which come before the scan."""
    kept, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if data[at + 1] != unwanted:
            kept.append(data[at:end])
        at = end
    return b"".join([*kept, data[at:]])
