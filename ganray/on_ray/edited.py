"""An edited photo as a file: encoded as its request or its profile asks, and labelled with where it comes from and what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganray.errors import EditError
from ganray.images.codec import QUALITY
from ganray.images.provenance import EditLabel, encode_labelled
from ganray.on_ray.files import SOFTWARE
from ganray.requests import sample_name, seed_of

if TYPE_CHECKING:
    from ganray.edit_engine import Edited, Wanted

LOWEST = 40  # quality below which a byte limit counts as one that cannot be met
FIRST_LOSSY = 95  # quality of a WebP that is too large without losses


def label_of(edited: Edited, model_digest: str) -> EditLabel:
    """What the file says of itself."""
    return EditLabel(
        edits=edited.edits,
        model_digest=model_digest,
        request_id=sample_name(edited.request.id, edited.index),
        seed=seed_of(edited.request),
        source_sha256=edited.source_sha256,
        source=edited.label,
        kinds=edited.kinds,
        software=SOFTWARE,
    )


def encode_edited(edited: Edited, model_digest: str) -> bytes:
    """The file of a result, its label read back. Where it is to have no more than so many bytes, its quality is the highest that fits.

    Raises EditError("profile") where none does, ImageError("label_unverified"), and ImageError("no_alpha") for a cut-out as jpeg.
    """
    wanted, label = edited.wanted, label_of(edited, model_digest)

    def encoded(quality: int | None) -> bytes:
        return encode_labelled(edited.pixels, wanted.format, label, quality, edited.alpha)

    data = encoded(wanted.quality)
    if not wanted.max_bytes or len(data) <= wanted.max_bytes:
        return data
    best, low, high = b"", LOWEST, _first_below(wanted)
    while low <= high and wanted.format != "png":
        middle = (low + high + 1) // 2
        tried = encoded(middle)
        if len(tried) <= wanted.max_bytes:
            best, low = tried, middle + 1
        else:
            high = middle - 1
    if not best:
        least = "" if wanted.format == "png" else f" even at quality {LOWEST}"
        limit = f"more than {wanted.max_bytes:,} bytes as {wanted.format}{least}"
        raise EditError("profile", f"the picture takes {limit}", "Ask for jpeg, or for fewer pixels")
    return best


def _first_below(wanted: Wanted) -> int:
    """The highest quality that is worth a try after the one asked for was too large."""
    if wanted.quality is not None:
        return wanted.quality - 1
    return QUALITY[wanted.format] - 1 if wanted.format in QUALITY else FIRST_LOSSY
