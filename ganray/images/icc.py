"""ICC profiles of RGB spaces, built from chromaticities and a curve (ICC.1:2022, three-component matrix), for pictures that state their
colours by numbers: the code points of CICP (ITU-T H.273, in PNG and AVIF), or gamma and chromaticities (PNG, BMP).

Light above the white of standard pictures (PQ, HLG: 203 cd/m2, ITU-R BT.2408) is cut off, as on a screen that shows no more.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.float64]
Curve = Callable[[Levels], Levels]  # from values 0..1 to linear light 0..1
SAMPLES = 4096  # of a curve
WHITE_NITS, PEAK_NITS = 203.0, 1000.0  # cd/m2: of white, and of the brightest light of HLG
D50 = np.array([0.96420288, 1.0, 0.82490540])  # XYZ of the profile connection space, as s15Fixed16 numbers have it
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
D65, WHITE_C = (0.3127, 0.3290), (0.310, 0.316)


class Chromaticities(NamedTuple):
    """x and y of white and of the three primaries (CIE 1931)."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]


BT709 = Chromaticities(D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
PRIMARIES = {  # H.273, table 2
    1: BT709,
    4: Chromaticities(WHITE_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: Chromaticities(D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: Chromaticities(D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: Chromaticities(D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    8: Chromaticities(WHITE_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: Chromaticities(D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: Chromaticities((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: Chromaticities(D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: Chromaticities(D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}


def srgb_curve(x: Levels) -> Levels:
    """IEC 61966-2-1."""
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def gamma_curve(exponent: float) -> Curve:
    """x ** exponent."""
    return lambda x: x**exponent


def _bt709(x: Levels) -> Levels:
    return np.where(x < 0.081242858, x / 4.5, ((x + 0.099296826) / 1.099296826) ** (1 / 0.45))


def _smpte240(x: Levels) -> Levels:
    return np.where(x < 0.091286342, x / 4.0, ((x + 0.111572195) / 1.111572195) ** (1 / 0.45))


def _log(decades: float) -> Curve:
    return lambda x: np.where(x <= 0, 0.0, 10 ** ((x - 1) * decades))


def _pq(x: Levels) -> Levels:
    """SMPTE ST 2084."""
    root = x ** (1 / 78.84375)
    light = (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    return np.minimum(light * 10_000 / WHITE_NITS, 1)


def _hlg(x: Levels) -> Levels:
    """ARIB STD-B67 with the system gamma 1.2 of a display of PEAK_NITS, for each channel by itself."""
    scene = np.where(x <= 0.5, x**2 / 3, (np.exp((x - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    return np.minimum(scene**1.2 * PEAK_NITS / WHITE_NITS, 1)


CURVES: dict[int, Curve] = {  # H.273, table 3
    **dict.fromkeys((1, 6, 11, 12, 14, 15), _bt709),
    4: gamma_curve(2.2),
    5: gamma_curve(2.8),
    7: _smpte240,
    8: gamma_curve(1.0),
    9: _log(2.0),
    10: _log(2.5),
    13: srgb_curve,
    16: _pq,
    17: lambda x: np.minimum(x**2.6 * 52.37 / 48, 1),
    18: _hlg,
}


@lru_cache(maxsize=64)
def cicp_profile(primaries: int, transfer: int) -> bytes | None:
    """The profile of CICP code points; None for unknown or reserved ones. Unspecified ones (2) are those of sRGB."""
    colours, curve = PRIMARIES.get(1 if primaries == 2 else primaries), CURVES.get(13 if transfer == 2 else transfer)
    return None if colours is None or curve is None else rgb_profile(f"CICP {primaries}/{transfer}", colours, curve)


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """The profile of sRGB for files, of half a kilobyte, with the curve as a formula."""
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    curve = b"para" + bytes(4) + struct.pack(">HH", 3, 0) + b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)
    return _rgb("sRGB", _matrix(BT709), curve)


def rgb_profile(name: str, colours: Chromaticities, curve: Curve) -> bytes | None:
    """The profile of an RGB space, the same bytes for the same space; None if no light has these chromaticities."""
    try:
        matrix = _matrix(colours)
    except (ZeroDivisionError, np.linalg.LinAlgError):
        return None
    if not np.isfinite(matrix).all() or np.abs(matrix).max() > 4:
        return None
    samples = np.rint(np.clip(curve(np.linspace(0, 1, SAMPLES)), 0, 1) * 65535).astype(">u2")
    return _rgb(name, matrix, b"curv" + bytes(4) + struct.pack(">I", SAMPLES) + samples.tobytes())


def _rgb(name: str, matrix: Levels, trc: bytes) -> bytes:
    tags = {b"desc": _text(name), b"cprt": _text("CC0"), b"wtpt": _xyz(D50)}
    tags |= {kind: _xyz(matrix[:, place]) for place, kind in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return _profile(tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), trc))


def _matrix(colours: Chromaticities) -> Levels:
    """Linear RGB -> XYZ, adapted to D50: the primaries in columns, scaled to give white (SMPTE RP 177)."""
    white, *primaries = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in colours)
    columns = np.stack(primaries, 1)
    adapted = np.linalg.inv(BRADFORD) @ np.diag((BRADFORD @ D50) / (BRADFORD @ white)) @ BRADFORD
    return np.asarray(adapted @ columns * np.linalg.solve(columns, white))


def _profile(tags: dict[bytes, bytes]) -> bytes:
    """A version 4 display profile; tags of equal content share it."""
    table, body, places = b"", b"", dict[bytes, int]()
    start = 132 + 12 * len(tags)
    for kind, content in tags.items():
        if content not in places:
            places[content] = start + len(body)
            body += content + bytes(-len(content) % 4)
        table += kind + struct.pack(">II", places[content], len(content))
    head = struct.pack(">I4s4s4s4s4s", start + len(body), bytes(4), b"\x04\x20\x00\x00", b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _xyz(D50)[8:] + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + body


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(encoded), 28) + encoded


def _xyz(values: Levels) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)
