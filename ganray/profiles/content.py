"""The rules about what a picture shows, each measured with a strength of evidence (`evidence.py`).

Where only an extra can tell and it is not installed, or where the picture does not let itself be measured, the rule is not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np

from ganray.images.codec import Pixels
from ganray.images.faces import REMEDY, Box, can_find
from ganray.profiles import overlays, reading
from ganray.profiles.arrangement import cut_off, several
from ganray.profiles.compression import compression
from ganray.profiles.cutout_faults import cut_skin
from ganray.profiles.evidence import CERTAIN, CLEAR, UNKNOWN, Evidence, strongest
from ganray.profiles.exposure import exposure
from ganray.profiles.foreground import SIDE, Foreground, foreground, reduced
from ganray.profiles.framing import border, collage
from ganray.profiles.panels import panels
from ganray.profiles.people import faces, people, turned_face
from ganray.profiles.profile import Content
from ganray.profiles.report import Finding
from ganray.profiles.sharpness import blur
from ganray.profiles.turning import turned_shadow

LEAST = 64  # pixels of the shorter side, below which nothing can be recognised
INPAINT, ANOTHER = "inpaint, with a mask of it,", "another photo"


class Seen:
    """A picture uint8 [H, W, 3] and what is recognised in it, each once; `tables` are the quantization tables of its file."""

    def __init__(self, pixels: Pixels, tables: Sequence[Sequence[int]]) -> None:
        self.whole, self.tables = pixels, tables
        self.unread = f"nobody reads: {reading.REMEDY}"
        self._evidence: dict[str, Evidence] = {}
        self.border, inset = border(reduced(pixels, SIDE))
        height, width = pixels.shape[:2]
        cut = round(inset * height), round(inset * width)
        self.pixels = np.ascontiguousarray(pixels[cut[0] : height - cut[0], cut[1] : width - cut[1]]) if inset else pixels

    def evidence(self, rule: str) -> Evidence:
        """The measurement of a rule, made once."""
        if rule not in self._evidence:
            small = min(self.pixels.shape[:2]) < LEAST
            self._evidence[rule] = Evidence(UNKNOWN, "the picture is too small") if small else RULES[rule][2](self)
        return self._evidence[rule]

    @cached_property
    def foreground(self) -> Foreground:
        """The product inside of a border."""
        return foreground(self.pixels)

    @cached_property
    def turned(self) -> Pixels:
        """The picture after half a turn."""
        return np.ascontiguousarray(self.pixels[::-1, ::-1])

    @cached_property
    def lines(self) -> list[reading.Line] | None:
        """The lines of text; None without the extra, and where it fails."""
        if not reading.is_there():
            return None
        try:
            return reading.read(self.pixels)
        except Exception as error:  # of somebody else's network: the other rules still hold or do not
            self.unread = f"the reader failed ({type(error).__name__})"
            return None

    @cached_property
    def turned_lines(self) -> list[reading.Line]:
        """The lines of the turned picture; none where the picture has nothing like text."""
        return reading.read(self.turned) if self.lines else []

    @cached_property
    def faces(self) -> list[Box] | None:
        """Faces; None without the extra."""
        return faces(self.pixels) if can_find() else None

    @cached_property
    def turned_faces(self) -> list[Box]:
        """Faces of the turned picture."""
        return faces(self.turned) if can_find() and not self.faces else []


def _text(seen: Seen) -> Evidence:
    formed = overlays.text(seen.foreground)
    if formed.strength == CERTAIN:
        return formed  # without reading, which takes longer than all the rest
    if seen.lines is None:
        return _or_unread(formed, seen)
    return strongest(formed, reading.text_beside(seen.lines, seen.foreground))


def _watermark(seen: Seen) -> Evidence:
    formed = overlays.watermark(seen.foreground)
    if formed.strength == CERTAIN:
        return formed
    if seen.lines is None:
        return _or_unread(formed, seen)
    return strongest(formed, reading.watermark_words(seen.lines))


def _or_unread(formed: Evidence, seen: Seen) -> Evidence:
    """Without a reader, forms that look like letters are found, but nothing can be said to have no text."""
    return formed if formed.fault else Evidence(UNKNOWN, seen.unread)


def _people(seen: Seen) -> Evidence:
    return Evidence(UNKNOWN, f"nobody looks for faces: {REMEDY}") if seen.faces is None else people(seen.faces)


def _upside_down(seen: Seen) -> Evidence:
    told = [turned_shadow(seen.foreground)]
    if seen.lines:
        told.append(reading.turned_text(seen.lines, seen.turned_lines))
    if seen.faces is not None:
        told.append(turned_face(seen.faces, seen.turned_faces))
    faults = [each for each in told if each.fault]
    return strongest(*faults) if faults else next((each for each in told if each.strength == CLEAR), told[0])


# rule: what is wanted, what mends it, and the measurement
RULES: dict[str, tuple[str, str, Callable[[Seen], Evidence]]] = {
    "text": ("no text beside the product", INPAINT, _text),
    "badge": ("no badge, sticker or strip", INPAINT, lambda seen: overlays.badge(seen.foreground)),
    "watermark": ("no watermark", INPAINT, _watermark),
    "border": ("no border", "cropping", lambda seen: seen.border),
    "collage": ("one picture", ANOTHER, lambda seen: strongest(collage(seen.foreground.small), panels(seen.foreground))),
    "several": ("one product", ANOTHER, lambda seen: several(seen.foreground)),
    "cut_off": ("the whole product in the frame", ANOTHER, lambda seen: cut_off(seen.foreground)),
    "upside_down": ("upright", "a turn by 180 degrees", _upside_down),
    "blurred": ("sharp edges", ANOTHER, lambda seen: blur(seen.pixels)),
    "exposure": ("neither too dark nor too bright", "enhance", lambda seen: exposure(seen.foreground)),
    "compression": ("no visible blocks", "a less compressed file", lambda seen: compression(seen.whole, seen.tables)),
    "people": ("nobody in the picture", ANOTHER, _people),
    "cutout": ("a whole cut-out", "another cut-out of the photo", lambda seen: cut_skin(seen.foreground)),
}


def content_findings(seen: Seen, wanted: Content) -> Iterator[Finding]:
    """A finding for each rule that the profile does not ignore."""
    for rule, (want, mend, _) in RULES.items():
        level = getattr(wanted, rule)
        if level == "ignore":
            continue
        evidence = seen.evidence(rule)
        if evidence.strength == UNKNOWN:
            yield Finding(rule=rule, ok=None, found=evidence.found, wanted=want, level=level)
        elif evidence.fault:
            strict = level if evidence.strength == CERTAIN else "should"
            yield Finding(rule=rule, ok=False, found=evidence.found, wanted=want, mend=mend, level=strict)
        else:
            yield Finding(rule=rule, ok=True, found=evidence.found, wanted=want, level=level)
