"""Which keys are images, decided by their names: the same rule for ingest, edit and check."""

from __future__ import annotations

# Also suffixes of formats that the decoder does not accept: the owner of such a file must see it in the quarantine or the report.
IMAGE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".avif", ".heic"),
        *(".heif", ".jp2", ".j2k", ".jxl", ".psd", ".tga", ".ppm", ".pgm", ".fli", ".eps", ".svg", ".ico", ".dng", ".cr2", ".nef"),
    )
)
ALPHA_SUFFIXES = frozenset((".png", ".webp"))
NAME_RULE = "an image has a suffix such as .jpg, .png or .webp"  # for messages


def is_image_name(key: str) -> bool:
    """Whether a key has the name of an image: a suffix of IMAGE_SUFFIXES in any case, and not a hidden file.

    A name with a line break is not one: it cannot be written in a table of requests.
    """
    return _suffix(key) in IMAGE_SUFFIXES


def is_cutout_name(key: str) -> bool:
    """Whether a key has the name of an image whose format is used for cut-outs with alpha: ALPHA_SUFFIXES."""
    return _suffix(key) in ALPHA_SUFFIXES


def _suffix(key: str) -> str:
    """The suffix of a key in lower case, with its dot; empty for hidden files and names without a suffix."""
    name = key.rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    return f"{dot}{suffix}".lower() if stem and not name.startswith(".") and "\n" not in name else ""
