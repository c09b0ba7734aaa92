"""A sample as a labelled image file. No torch, so that a process that only encodes starts fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ganray import __version__
from ganray.images.codec import Format, Pixels
from ganray.images.provenance import Label, encode_labelled
from ganray.images.transforms import resize
from ganray.images.visible import stamped
from ganray.output.label_options import NO_LABEL_OPTIONS, LabelOptions
from ganray.requests import GenerateRequest, sample_name, seed_of

SOFTWARE = f"ganray {__version__}"


@dataclass(frozen=True)
class SampleFile:
    """Which sample a file holds (sample `index` of a request, made with `seed` by a model) and how it is encoded.

    `side` in pixels, 0 keeps the model's own; `quality` 1..100, None takes the format's default.
    """

    request_id: str
    index: int
    seed: int
    format: Format
    model_digest: str
    side: int = 0
    quality: int | None = None

    @staticmethod
    def of(request: GenerateRequest, index: int, model_digest: str) -> SampleFile:
        """The file of sample `index` of a request, encoded as the request asks."""
        return SampleFile(request.id, index, seed_of(request), request.format, model_digest, request.side, request.quality)


def encode_sample(pixels: Pixels, file: SampleFile, options: LabelOptions = NO_LABEL_OPTIONS) -> bytes:
    """Encode the pixels of a sample, uint8 [H, W, 3], with its label, which is read back to verify it.

    Raises ImageError("label_unverified"), and ConfigError if the signer fails.
    """
    label = Label(model_digest=file.model_digest, request_id=sample_name(file.request_id, file.index), seed=file.seed, software=SOFTWARE)
    if file.side and pixels.shape[:2] != (file.side, file.side):
        pixels = np.asarray(resize(Image.fromarray(pixels), file.side, file.side))
    if options.stamp is not None:
        pixels = stamped(pixels, options.stamp)
    data = encode_labelled(pixels, file.format, label, file.quality)
    return data if options.signer is None else options.signer.sign(data, file.format, label)
