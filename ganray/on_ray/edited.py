"""An edited photo as a file: encoded as its request or its profile asks, and labelled with where it comes from and what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganray.edits.fitting import encode_to_fit
from ganray.errors import EditError
from ganray.images.codec import Format, Pixels, encode
from ganray.images.credentials import READABLE, Parent
from ganray.images.provenance import GENERATIVE, EditLabel, encode_labelled
from ganray.images.visible import stamped
from ganray.on_ray.files import SOFTWARE
from ganray.on_ray.marks import PLAIN, Marks
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


def encode_edited(edited: Edited, model_digest: str, marks: Marks = PLAIN) -> bytes:
    """The file of a result, its label read back, with what `marks` ask for; where a profile says so, with no more than so many bytes, its
    background exact. The visible label is for pictures that a model made a part of.

    Raises EditError("profile") where that cannot be, ImageError("label_unverified") and ("credentials_unverified"), and
    ImageError("no_alpha") for a cut-out as jpeg.
    """
    label = label_of(edited, model_digest)
    pixels, parent = edited.pixels, parent_of(edited) if marks.signer else None
    if marks.stamp is not None and label.source_type in GENERATIVE:
        if edited.output.profile:
            raise EditError(
                "profile", f"{edited.output.profile} takes no picture with a visible label", "Leave conform out, or label.visible"
            )
        pixels = stamped(pixels, marks.stamp)

    def encoder(pixels: Pixels, format: Format, *, quality: int | None) -> bytes:
        data = encode_labelled(pixels, format, label, quality, edited.alpha)
        return data if marks.signer is None else marks.signer.sign(data, format, label, parent)

    return encode_to_fit(pixels, edited.output, encoder)[0]


def parent_of(edited: Edited) -> Parent:
    """The photo as it came; its pixels as PNG where its format can hold no credentials."""
    if edited.source_format in READABLE:
        return Parent(edited.source, edited.source_format, edited.request.id)
    return Parent(encode(edited.before, "png"), "png", edited.request.id)
