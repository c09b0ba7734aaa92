"""A sample as a file: encoded, and labelled with what it is. Without torch, so that a process that only encodes starts fast."""

from __future__ import annotations

from ganray import __version__
from ganray.images.codec import Format, Pixels
from ganray.images.provenance import Label, encode_labelled
from ganray.requests import sample_name

SOFTWARE = f"ganray {__version__}"


def encode_sample(pixels: Pixels, request_id: str, index: int, seed: int, format: Format, model_digest: str) -> bytes:
    """The image file of a sample: uint8 [H, W, 3] with its label, read back. Raises ImageError("label_unverified")."""
    label = Label(model_digest=model_digest, request_id=sample_name(request_id, index), seed=seed, software=SOFTWARE)
    return encode_labelled(pixels, format, label)
