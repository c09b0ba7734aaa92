"""An edited photo as a file: encoded as its request or its profile asks, and labelled with where it comes from and what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganray.edits.fitting import encode_to_fit
from ganray.images.codec import Format, Pixels
from ganray.images.provenance import EditLabel, encode_labelled
from ganray.on_ray.files import SOFTWARE
from ganray.requests import sample_name, seed_of

if TYPE_CHECKING:
    from ganray.edit_engine import Edited


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
    """The file of a result, its label read back; where a profile says so, with no more than so many bytes, its background exact.

    Raises EditError("profile") where that cannot be, ImageError("label_unverified"), and ImageError("no_alpha") for a cut-out as jpeg.
    """
    label = label_of(edited, model_digest)

    def encoder(pixels: Pixels, format: Format, *, quality: int | None) -> bytes:
        return encode_labelled(pixels, format, label, quality, edited.alpha)

    return encode_to_fit(edited.pixels, edited.output, encoder)[0]
