"""A sample as a file: encoded, and labelled with what it is. Without torch, so that a process that only encodes starts fast."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ganray import __version__
from ganray.images.codec import Format, Pixels
from ganray.images.provenance import Label, encode_labelled
from ganray.images.transforms import resize
from ganray.images.visible import stamped
from ganray.output.label_options import NO_LABEL_OPTIONS, LabelOptions
from ganray.requests import sample_name

SOFTWARE = f"ganray {__version__}"


def encode_sample(
    pixels: Pixels,
    request_id: str,
    index: int,
    seed: int,
    format: Format,
    model_digest: str,
    *,
    side: int = 0,
    quality: int | None = None,
    marks: LabelOptions = NO_LABEL_OPTIONS,
) -> bytes:
    """The image file of a sample: uint8 [H, W, 3], resampled to `side` where that is not 0, with its label, read back, and with what
    `marks` ask for.

    Raises ImageError("label_unverified"), and ConfigError where the signer fails.
    """
    label = Label(model_digest=model_digest, request_id=sample_name(request_id, index), seed=seed, software=SOFTWARE)
    if side and pixels.shape[:2] != (side, side):
        pixels = np.asarray(resize(Image.fromarray(pixels), side, side))
    if marks.stamp is not None:
        pixels = stamped(pixels, marks.stamp)
    data = encode_labelled(pixels, format, label, quality)
    return data if marks.signer is None else marks.signer.sign(data, format, label)
