"""Whether an object that is there already is the sample that was to be written, drawn by another kind of processor or GPU.

Kernels of torch differ by processor in the last bits, and an encoded image then differs in its bytes. The first writer wins: a file whose
own label names the same sample counts as written. Everything else under the key is a conflict.
"""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from ganray.images.codec import PREPARED, Format
from ganray.images.credentials import VALID, validity
from ganray.images.provenance import read_label

RECORD = "ganray:"  # prefix of the properties that name request, index, seed and model, or photo and chain


def same_sample(ours: bytes, theirs: bytes, format: Format) -> bool:
    """Whether both files are whole images of one format and size, with labels of the same sample."""
    label, other = _record(ours), _record(theirs)
    return bool(label) and label == other and _shape(ours) == _shape(theirs) != ()


def same_signed_sample(ours: bytes, theirs: bytes, format: Format) -> bool:
    """The same for signed files: the credentials of the second one must be valid."""
    return same_sample(ours, theirs, format) and validity(theirs, format) in VALID


def _record(data: bytes) -> dict[str, str]:
    """The properties of a file's label that name its sample; empty without a label."""
    return {name: value for name, value in read_label(data).items() if name.startswith(RECORD)}


def _shape(data: bytes) -> tuple[object, ...]:
    """Format, size and mode of an image that decodes completely; empty for any other bytes."""
    try:
        with Image.open(BytesIO(data), formats=PREPARED) as image:
            image.load()
            return image.format, image.size, image.mode
    except (OSError, SyntaxError, ValueError):
        return ()
