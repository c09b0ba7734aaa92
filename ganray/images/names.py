"""Names of photos: which keys are images, and when two names mean the same file. The same rules for ingest, edit and check.

Objects are always read by their own key; these forms are for comparing only. A file from a Mac has decomposed umlauts and a table from a
spreadsheet composed ones; uploads from Windows have backslashes; exports of shops name files by URL, with %20 and ?v=2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from unicodedata import is_normalized, normalize
from urllib.parse import unquote

# Also suffixes of formats that the decoder does not accept: the owner of such a file must see it in the quarantine or the report.
IMAGE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".avif", ".heic"),
        *(".heif", ".jp2", ".j2k", ".jxl", ".psd", ".tga", ".ppm", ".pgm", ".fli", ".eps", ".svg", ".ico", ".dng", ".cr2", ".nef"),
    )
)
ALPHA_SUFFIXES = frozenset((".png", ".webp"))
NAME_RULE = "an image has a suffix such as .jpg, .png or .webp"  # for messages
HIDDEN, NO_SUFFIX = "hidden files", "no suffix"  # instead of a suffix, in counts
URL_FOLDERS = 8  # of the path of a URL that may be folders of a bucket
LONGEST_SUFFIX = 8  # a longer one, or one with a blank, is a part of the name

# A backslash is a folder of Windows, unless it escapes a byte that is not UTF-8 (LocalStore).
_BACKSLASH = re.compile(r"\\(?!x[89a-f][0-9a-f])")
_SPECIAL = re.compile(r"[%?#\x00-\x20\x7f]|//|^/|/\.|^\./")  # what makes a name one to look at
_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")  # scheme and host
_VERSION = re.compile(r"[?#].*", re.DOTALL)
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f]+")


def is_image_name(key: str) -> bool:
    """Whether a key has the name of an image: a suffix of IMAGE_SUFFIXES in any case, and not a hidden file.

    Blanks at the end, and what stands behind a question mark (hat.jpg?v=2), do not belong to the suffix.
    """
    return suffix_of(key) in IMAGE_SUFFIXES


def is_cutout_name(key: str) -> bool:
    """Whether a key has the name of an image whose format is used for cut-outs with alpha: ALPHA_SUFFIXES."""
    return suffix_of(key) in ALPHA_SUFFIXES


def suffix_of(key: str) -> str:
    """The suffix of a key in lower case, with its dot; empty for hidden files and names without a suffix."""
    stem, suffix = _split(key.rpartition("/")[2])
    return suffix if stem else ""


def kind_of_name(key: str) -> str:
    """What a key that is no image is counted as: its suffix, HIDDEN or NO_SUFFIX; empty for the marker of a folder."""
    name = key.rpartition("/")[2]
    if not name or name.endswith("_$folder$"):
        return ""
    if name.startswith("."):
        return HIDDEN
    suffix = suffix_of(key)
    return suffix if 1 < len(suffix) <= LONGEST_SUFFIX and suffix[1:].isalnum() else NO_SUFFIX


def _split(name: str) -> tuple[str, str]:
    """The stem and the suffix of a file's name; no stem for hidden files and names without a suffix."""
    bare = name.partition("?")[0]
    for candidate in (name, bare) if bare != name else (name,):
        stem, dot, suffix = candidate.rpartition(".")
        suffix = f"{dot}{suffix}".rstrip().lower()
        if stem and not name.startswith(".") and (candidate == bare or suffix in IMAGE_SUFFIXES):
            return stem, suffix
    return "", ""


def folders_and_name(key: str) -> list[str]:
    """The parts of a key, its folders and then its name, in NFC; backslashes separate folders, too."""
    return comparable(key).split("/")


def comparable(name: str) -> str:
    """A key or a path as it is compared first: NFC, with slashes, relative."""
    if "\\" in name:
        name = _BACKSLASH.sub("/", name)
    if name.startswith(("/", "./")) and not name.startswith("//"):
        name = name.removeprefix("./").lstrip("/")
    return name if name.isascii() or is_normalized("NFC", name) else normalize("NFC", name)


def loose(name: str) -> str:
    """A key, path or URL as it is compared next: the path of a URL, decoded, without version, blanks at the ends of its parts and case."""
    name = comparable(name)
    if _SPECIAL.search(name):
        name = _plain(name)
    return name.lower() if name.isascii() else normalize("NFC", name.casefold())


def other_keys(name: str) -> Iterator[str]:
    """The keys that an object may have if there is none with the name that a table gives it."""
    slashed = comparable(name)
    plain = _plain(slashed)
    paths = [slashed, plain]
    if is_url(slashed):
        paths = ["/".join(plain.split("/")[place:]) for place in range(min(plain.count("/") + 1, URL_FOLDERS))]
    forms = (form for path in paths for form in (path, normalize("NFC", path), normalize("NFD", path)))
    yield from dict.fromkeys(form for form in (*forms, slashed.replace("/", "\\")) if form and form != name)


def is_url(name: str) -> bool:
    """Whether a name is a URL: its folders are those of a server, not of the bucket."""
    return _URL.match(name) is not None


def stem_of(name: str) -> str:
    """A file's name without its suffix, and without the name's own: hat of hat.jpg.webp."""
    stem, suffix = _split(name)
    while suffix in IMAGE_SUFFIXES:
        name, (stem, suffix) = stem, _split(stem)
    return name


def _plain(name: str) -> str:
    url = _URL.match(name)
    if url:
        name = _VERSION.sub("", name[url.end() :])
    elif is_image_name(bare := _VERSION.sub("", name)):
        name = bare
    if "%" in name:
        with suppress(UnicodeDecodeError):
            name = unquote(name, errors="strict")
    parts = (_BLANKS.sub(" ", part).strip() for part in name.split("/"))
    return "/".join(part for part in parts if part not in ("", ".", ".."))
