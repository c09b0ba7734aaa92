"""A sample as a file: encoded, and labelled with what it is. Without torch, so that a process that only encodes starts fast."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ganray import __version__
from ganray.images.codec import Format, Pixels
from ganray.images.credentials import Signer
from ganray.images.provenance import Label, encode_labelled
from ganray.images.transforms import resize
from ganray.images.visible import Stamp, stamped
from ganray.requests import sample_name

SOFTWARE = f"ganray {__version__}"


@dataclass(frozen=True)
class Marks:
    """What a file is to say beyond its label: a word that people see, content credentials."""

    stamp: Stamp | None = None
    signer: Signer | None = None

    @property
    def digest(self) -> str:
        """Of what the bytes depend on, but for the key; empty where nothing is asked for."""
        parts = [self.stamp.digest if self.stamp else "", hashlib.sha256(self.signer.chain).hexdigest() if self.signer else ""]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest() if any(parts) else ""


PLAIN = Marks()


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
    marks: Marks = PLAIN,
) -> bytes:
    """The image file of a sample: uint8 [H, W, 3], resampled to `side` where that is not 0, with its label, read back, and with what
    `marks` ask for.

    Raises ImageError("label_unverified") or ("credentials_unverified").
    """
    label = Label(model_digest=model_digest, request_id=sample_name(request_id, index), seed=seed, software=SOFTWARE)
    if side and pixels.shape[:2] != (side, side):
        pixels = np.asarray(resize(Image.fromarray(pixels), side, side))
    if marks.stamp is not None:
        pixels = stamped(pixels, marks.stamp)
    data = encode_labelled(pixels, format, label, quality)
    return data if marks.signer is None else marks.signer.sign(data, format, label)
