"""The colour space that a file declares, as ICC profiles in the order in which browsers ask for them.

PNG (third edition, 4.3): CICP, an embedded profile, the sRGB chunk, gamma and chromaticities. AVIF: an embedded profile, or CICP (`nclx`).
BMP: an embedded profile, or calibrated primaries. Others: an embedded profile. What EXIF says of colours, browsers do not ask.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from PIL import Image

from ganray.images.containers import iso_boxes, png_chunks
from ganray.images.icc import BT709, Chromaticities, cicp_profile, gamma_curve, rgb_profile, srgb_curve

SRGB_GAMMA = 1 / 2.2  # of files that mean sRGB
GAMMA_TOLERANCE = 0.05  # relative difference that libpng does not correct
LEAST_GAMMA, MOST_GAMMA = 0.01, 10.0  # others are nonsense
XY_TOLERANCE = 0.003  # chromaticities that mean sRGB's
BMP_V4, BMP_V5 = 108, 124  # bytes of the headers that have a colour space
BMP_CALIBRATED, BMP_EMBEDDED = 0, 0x4D424544


def declared_profiles(image: Image.Image, data: bytes) -> Iterator[bytes]:
    """The profiles that an opened image declares, the one to use first: a later one counts where an earlier one is broken or of another
    colour model. `data` are its bytes."""
    own = image.info.get("icc_profile")
    own = bytes(own) if isinstance(own, (bytes, bytearray)) else b""
    if image.format == "PNG":
        yield from _of_png(image.info, data, own)
    elif own:
        yield own
    elif image.format == "AVIF":
        yield from _given(_nclx(data))
    elif image.format == "BMP":
        yield from _given(_of_bmp(data))


def _given(profile: bytes | None) -> Iterator[bytes]:
    if profile:
        yield profile


def _of_png(info: dict[Any, Any], data: bytes, own: bytes) -> Iterator[bytes]:
    for kind, body in png_chunks(data):
        if kind == b"IDAT":
            break
        if kind == b"cICP" and len(body) == 4 and body[2] == 0:  # the matrix of RGB
            yield from _given(cicp_profile(body[0], body[1]))
    if own:
        yield own
    if "srgb" not in info:
        yield from _given(_by_numbers(info.get("gamma"), info.get("chromaticity")))


def _by_numbers(gamma: object, chromaticity: object) -> bytes | None:
    """The profile of a PNG's gamma (1 / exponent), its chromaticities (white, red, green, blue), or both; None for those of sRGB."""
    colours = BT709
    if isinstance(chromaticity, tuple) and len(chromaticity) == 8:
        points = Chromaticities(chromaticity[:2], chromaticity[2:4], chromaticity[4:6], chromaticity[6:])
        plain = zip(sum(points, ()), sum(BT709, ()), strict=True)
        colours = BT709 if all(abs(x - y) <= XY_TOLERANCE for x, y in plain) else points
    stated = isinstance(gamma, (int, float)) and LEAST_GAMMA <= gamma <= MOST_GAMMA
    exponent = 1 / float(gamma) if stated else 2.2  # type: ignore[arg-type]
    usual = abs(exponent * SRGB_GAMMA - 1) < GAMMA_TOLERANCE
    if usual and colours is BT709:
        return None
    return rgb_profile("gamma and chromaticities", colours, gamma_curve(exponent) if stated else srgb_curve)


def _nclx(data: bytes) -> bytes | None:
    """The profile of the first `nclx` colour property of an AVIF."""
    at, last = 0, len(data)
    for wanted in (b"meta", b"iprp", b"ipco"):
        found = next(((first, end) for kind, first, end in iso_boxes(data, at, last) if kind == wanted), None)
        if found is None:
            return None
        at, last = found[0] + (4 if wanted == b"meta" else 0), found[1]  # `meta` has version and flags
    for kind, first, end in iso_boxes(data, at, last):
        if kind == b"colr" and data[first : first + 4] == b"nclx" and end - first >= 10:
            return cicp_profile(*struct.unpack_from(">HH", data, first + 4))
    return None


def _of_bmp(data: bytes) -> bytes | None:
    """The profile of a BITMAPV4HEADER or BITMAPV5HEADER."""
    if len(data) < 14 + BMP_V4:
        return None
    size, space = struct.unpack_from("<I", data, 14)[0], struct.unpack_from("<I", data, 70)[0]
    if size >= BMP_V5 and space == BMP_EMBEDDED and len(data) >= 14 + BMP_V5:
        start, length = struct.unpack_from("<II", data, 126)
        return data[14 + start : 14 + start + length]
    if size < BMP_V4 or space != BMP_CALIBRATED:
        return None
    ends = [value / 2**30 for value in struct.unpack_from("<9i", data, 74)]  # XYZ of red, green and blue
    gammas = [value / 2**16 for value in struct.unpack_from("<3I", data, 110)]
    red, green, blue = (tuple(ends[place : place + 3]) for place in (0, 3, 6))
    white = tuple(map(sum, zip(red, green, blue, strict=True)))
    if min(sum(red), sum(green), sum(blue)) <= 0 or not 0.1 <= gammas[1] <= 10:
        return None
    points = [(x / (x + y + z), y / (x + y + z)) for x, y, z in (white, red, green, blue)]
    return rgb_profile("calibrated", Chromaticities(*points), gamma_curve(gammas[1]))
