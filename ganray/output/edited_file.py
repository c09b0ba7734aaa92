"""An edited photo as a file: encoded as its request or its profile asks, and labelled with where it comes from and what was done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganray.edits.fitting import encode_to_fit
from ganray.errors import EditError
from ganray.images.codec import Format, Pixels, encode
from ganray.images.credentials import READABLE, Parent, Signer
from ganray.images.provenance import GENERATIVE, EditLabel, encode_labelled
from ganray.images.visible import plate, stamped
from ganray.output.label_options import LabelOptions
from ganray.output.sample_file import SOFTWARE
from ganray.requests import sample_name, seed_of

if TYPE_CHECKING:
    from ganray.edit_engine import EditResult


def label_of(edited: EditResult, model_digest: str) -> EditLabel:
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


def with_visible_label(edited: EditResult, marks: LabelOptions) -> EditResult:
    """The result with the visible label that `marks` ask for, where a model made a part of it.

    Raises EditError("profile") where a profile wants a background of one colour alone.
    """
    if marks.stamp is None or label_of(edited, "").source_type not in GENERATIVE:
        return edited
    if edited.output.ground is not None:
        raise EditError(
            "profile",
            f"{edited.output.profile} takes a background of one colour alone, and a visible label would lie on it",
            "Leave conform out, or label.visible",
        )
    alpha = edited.alpha
    if alpha is not None:  # a label on what is transparent is none
        alpha = alpha.copy()
        alpha[plate(alpha.shape, marks.stamp)] = 255
    return replace(edited, pixels=stamped(edited.pixels, marks.stamp), alpha=alpha)


def encode_edited(edited: EditResult, model_digest: str, signer: Signer | None = None) -> bytes:
    """The file of a result, its label read back, signed where there is a `signer`; where a profile says so, with no more than so many
    bytes, its background exact.

    Raises EditError("profile") where that cannot be, ImageError("label_unverified") and ("parent_credentials"), and ImageError("no_alpha")
    for a cut-out as jpeg; ConfigError where the signer fails.
    """
    label, parent = label_of(edited, model_digest), parent_of(edited) if signer else None

    def encoder(pixels: Pixels, format: Format, *, quality: int | None) -> bytes:
        data = encode_labelled(pixels, format, label, quality, edited.alpha)
        return data if signer is None else signer.sign(data, format, label, parent)

    return encode_to_fit(edited.pixels, edited.output, encoder)[0]


def parent_of(edited: EditResult) -> Parent:
    """The photo as it came; its pixels as PNG where its format can hold no credentials."""
    if edited.source_format in READABLE:
        return Parent(edited.source, edited.source_format, edited.request.id)
    return Parent(encode(edited.before, "png"), "png", edited.request.id)
