"""Write a JPEG as the one that it was made from: with the same quantization tables and subsampling, and the same samples where no pixel
changed, so that blocks without a change get the coefficients that they had, but for rounding.

The samples are those of the file, luma and chroma each at its own resolution: from RGB they would come back changed by the conversion, and
chroma by its enlargement. libjpeg gives chroma as it is where a picture is decoded at half size; of 4:2:2 it is solved for.
A picture whose sides are no multiples of 8 has samples beyond its edge, which belong to its last blocks: they are read and written by
another size in the header.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganray.images.containers import jpeg_frame

Samples = NDArray[np.uint8]
BLOCK = 8
SUBSAMPLINGS = {(1, 1): 0, (2, 1): 1, (2, 2): 2}  # Pillow's numbers, by the resolution of luma over that of chroma (across, down)
FACTORS = {number: factors for factors, number in SUBSAMPLINGS.items()}
TURNED = (Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE)  # on their sides
ROUNDS = 12  # of the solver for 4:2:2: each divides its error by three


@dataclass(frozen=True)
class JpegSource:
    """How a JPEG was encoded, upright: the steps of each component (64, row by row), Pillow's number of its subsampling, and `planes`.

    Those are the samples of luma and of both chroma components at their own resolution, uint8, up to the end of the last blocks; only luma
    for a grey picture. There are none where the pixels are not these samples: for other models, and where turning moves the blocks.
    """

    tables: tuple[tuple[int, ...], ...]
    subsampling: int
    planes: tuple[Samples, ...] = ()


def read_source(data: bytes, turn: Image.Transpose | None, converted: bool) -> JpegSource | None:
    """The source of a JPEG that `turn` makes upright; None for CMYK. With `converted`, its pixels come from a colour profile."""
    file: Any = Image.open(BytesIO(data), formats=("JPEG", "MPO"))
    try:
        tables = tuple(tuple(file.quantization[layer[3]]) for layer in file.layer)
    except KeyError:
        return None
    if len(tables) not in (1, 3):
        return None
    subsampling = _subsampling([layer[1:3] for layer in file.layer])
    if turn in TURNED:
        tables = tuple(tuple(np.array(table).reshape(BLOCK, BLOCK).T.ravel().tolist()) for table in tables)
        subsampling = None if subsampling == 1 else subsampling  # chroma halved in height cannot be written
    if subsampling is None or converted or file.info.get("adobe_transform") == 0:
        return JpegSource(tables, subsampling or 0)
    aligned = turn is None or not any(side % (BLOCK * max(FACTORS[subsampling])) for side in file.size)
    planes = _planes(data, file.size, subsampling, len(tables)) if aligned else ()
    if turn is not None:
        planes = tuple(np.asarray(Image.fromarray(plane).transpose(turn)) for plane in planes)
    return JpegSource(tables, subsampling, planes)


def _subsampling(factors: list[tuple[int, int]]) -> int | None:
    """Pillow's number for the sampling factors of the components; None for those that it cannot write."""
    luma, *chroma = factors
    if len(set(chroma)) > 1:
        return None
    wide, high = chroma[0] if chroma else luma
    return SUBSAMPLINGS.get((luma[0] // wide, luma[1] // high)) if not (luma[0] % wide or luma[1] % high) else None


def encode_like(source: JpegSource, before: Samples, pixels: Samples, **options: Any) -> bytes:
    """The JPEG of uint8 [H, W, 3] in the way of its source, whose decoded pixels were `before`; `options` are Pillow's."""
    height, width = pixels.shape[:2]
    grey = len(source.tables) == 1
    colourful = grey and not (pixels == pixels[..., :1]).all()
    if source.planes:
        image, subsampling = _merged(source, before, pixels, colourful), source.subsampling
    else:
        image, subsampling = Image.fromarray(pixels).convert("L" if grey and not colourful else "RGB"), source.subsampling
    buffer = BytesIO()
    shared = len(source.tables) == 3 and source.tables[1] == source.tables[2]
    tables = [list(table) for table in source.tables[: 2 if shared else 3]]  # libjpeg takes the last one for the components that follow
    image.save(buffer, "JPEG", qtables=tables, subsampling=subsampling, **options)
    return _with_size(buffer.getvalue(), width, height)


def _planes(data: bytes, size: tuple[int, int], subsampling: int, num: int) -> tuple[Samples, ...]:
    """The samples of every component; none if the decoder cannot give them."""
    units = FACTORS[subsampling] if jpeg_frame(data)[1] else (1, 1)  # a scan of one component has only the blocks that the size needs
    width, height = (-(-side // (BLOCK * unit)) * BLOCK * unit for side, unit in zip(size, units, strict=True))
    padded = _with_size(data, width, height)
    if num == 1:
        return (_decoded(padded, "L", (width, height)),)
    full = _decoded(padded, "YCbCr", (width, height))
    if full.ndim != 3 or full.shape[:2] != (height, width):
        return ()
    luma, blue, red = (np.ascontiguousarray(full[..., place]) for place in range(3))
    if subsampling == 1:
        return luma, _narrowed(blue), _narrowed(red)
    if subsampling == 2:
        half = _decoded(padded, "YCbCr", (width // 2, height // 2))
        blue, red = (np.ascontiguousarray(half[..., place]) for place in (1, 2))
    return luma, blue, red


def _decoded(data: bytes, mode: str, size: tuple[int, int]) -> Samples:
    file: Any = Image.open(BytesIO(data), formats=("JPEG", "MPO"))
    file.draft(mode, size)
    return np.array(file)


def _narrowed(wide: Samples) -> Samples:
    """The samples [H, W / 2] that libjpeg enlarged to `wide`: each sample gives two, at 3/4 of itself and 1/4 of its neighbour."""
    sums = wide.reshape(len(wide), -1, 2).sum(2, dtype=np.float32)
    samples = sums / 2
    for _ in range(ROUNDS):
        edges = np.pad(samples, ((0, 0), (1, 1)), mode="edge")
        samples = (4 * sums - edges[:, :-2] - edges[:, 2:]) / 6
    rounded: Samples = np.clip(np.rint(samples), 0, 255).astype(np.uint8)
    return rounded


def _merged(source: JpegSource, before: Samples, pixels: Samples, colourful: bool) -> Image.Image:
    """The picture up to the end of its last blocks: the source's samples where no pixel changed, else those of the new pixels."""
    planes = source.planes
    shape = planes[0].shape
    margin = [(0, rows - own) for rows, own in zip(shape, pixels.shape[:2], strict=True)]
    changed = np.pad((pixels != before).any(2), margin, mode="edge")
    new, old = (_components(np.pad(x, [*margin, (0, 0)], mode="edge")) for x in (pixels, before))
    luma = np.where(changed, new[0], planes[0])
    if len(source.tables) == 1 and not colourful:
        return Image.fromarray(luma)
    across, down = FACTORS[source.subsampling]
    merged = [luma]
    for place in (1, 2):
        own = planes[place] if len(planes) == 3 else np.full(shape, 128, np.uint8)
        chroma = _chroma(own, (new[place], old[place]), changed, (down, across))
        merged.append(chroma.repeat(down, 0).repeat(across, 1))  # the encoder's mean gives them back
    return Image.merge("YCbCr", [Image.fromarray(plane) for plane in merged])


def _components(pixels: Samples) -> list[Samples]:
    return [np.asarray(plane) for plane in Image.fromarray(pixels).convert("YCbCr").split()]


def _chroma(own: Samples, planes: tuple[Samples, Samples], changed: NDArray[np.bool_], factors: tuple[int, int]) -> Samples:
    """The samples of a chroma component: its own, the mean of the new pixels where all of them changed, and moved by the mean change where
    some of them did. `planes` are of the new pixels and the old ones."""
    new, old = planes
    down, across = factors

    def mean(x: NDArray[Any]) -> NDArray[np.float32]:
        blocks: NDArray[np.float32] = x.reshape(own.shape[0], down, own.shape[1], across).mean((1, 3), dtype=np.float32)
        return blocks

    share = mean(changed)
    moved = own + mean(np.where(changed, new.astype(np.int16) - old, 0))
    chroma = np.where(share >= 1, mean(new), moved)
    samples: Samples = np.clip(np.rint(np.where(share > 0, chroma, own)), 0, 255).astype(np.uint8)
    return samples


def _with_size(data: bytes, width: int, height: int) -> bytes:
    """The JPEG with another size in its header, which must have as many blocks."""
    at, _ = jpeg_frame(data)
    size = height.to_bytes(2) + width.to_bytes(2)
    return data if at < 0 or data[at : at + 4] == size else data[:at] + size + data[at + 4 :]
