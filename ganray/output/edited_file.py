"""An edited photo as a file: encoded as its request or profile requires, and labelled with its source and its edits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganray.edits.fitting import encode_to_fit
from ganray.errors import EditError
from ganray.images.codec import Format, Kept, Pixels, encode
from ganray.images.credentials import READABLE, Parent, Signer
from ganray.images.provenance import GENERATIVE, EditLabel, encode_labelled
from ganray.images.visible import plate, stamped
from ganray.output.label_options import LabelOptions
from ganray.output.sample_file import SOFTWARE
from ganray.requests import sample_name, seed_of

if TYPE_CHECKING:
    from ganray.edit_engine import EditResult


def label_of(edited: EditResult, model_digest: str) -> EditLabel:
    """The label of the file."""
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


def with_visible_label(edited: EditResult, options: LabelOptions) -> EditResult:
    """The result with the visible label of `options`, if a model generated a part of it.

    Raises EditError("profile") if its profile requires a plain background.
    """
    if options.stamp is None or label_of(edited, "").source_type not in GENERATIVE:
        return edited
    if edited.output.ground is not None:
        raise EditError(
            "profile",
            f"{edited.output.profile} requires a plain background, which a visible label would cover",
            "Leave out conform or label.visible",
        )
    alpha = edited.alpha
    if alpha is not None:  # a label on transparent pixels would be invisible
        alpha = alpha.copy()
        alpha[plate(alpha.shape, options.stamp)] = 255
    return replace(edited, pixels=stamped(edited.pixels, options.stamp), alpha=alpha)


def encode_edited(edited: EditResult, model_digest: str, signer: Signer | None = None) -> bytes:
    """The file of a result, signed if there is a `signer`. Its label is read back; limits on bytes and background of a profile are kept.
    A JPEG with a local edit is encoded as its source was.

    Raises EditError("profile") if the limits cannot be kept, EditError("no_alpha") for a cut-out as jpeg, ImageError("label_unverified")
    and ("parent_credentials"), ConfigError if the signer fails.
    """
    kept = Kept(edited.density, edited.profiled, edited.jpeg, edited.before)
    label, parent = label_of(edited, model_digest), parent_of(edited) if signer else None

    def encoder(pixels: Pixels, format: Format, *, quality: int | None) -> bytes:
        data = encode_labelled(pixels, format, label, quality, edited.alpha, kept)
        return data if signer is None else signer.sign(data, format, label, parent)

    if edited.jpeg is not None:
        return encoder(edited.pixels, "jpeg", quality=None)
    return encode_to_fit(edited.pixels, edited.output, encoder)[0]


def parent_of(edited: EditResult) -> Parent:
    """The original photo for the credentials; its pixels as PNG if its format cannot hold credentials."""
    if edited.source_format in READABLE:
        return Parent(edited.source, edited.source_format, edited.request.id)
    return Parent(encode(edited.before, "png"), "png", edited.request.id)
