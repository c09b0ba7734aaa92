"""Check an encoded picture against a profile: every rule, on the bytes that would be uploaded.

It decodes the bytes and measures the pixels by itself (`seen.py`), so that it can contradict the code that made them.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from ganray.errors import ImageError
from ganray.images.codec import FORMATS, Limits, Pixels, decode
from ganray.images.colour import distance_from_srgb
from ganray.images.provenance import read_label
from ganray.profiles.content import Seen, content_findings
from ganray.profiles.measurements import RING, Measurements, measure
from ganray.profiles.profile import Profile, Rules
from ganray.profiles.report import Finding, Report

AI_TYPES = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic", "algorithmicMedia")
NEAR_SRGB = 10  # levels: simplified profiles of sRGB, by a power of 2.2, differ by 9; other spaces by more
BORDER = 0.5  # share of the frame's outermost pixels that must be background: products may touch the frame, scenes may not
LIMITS = Limits(max_bytes=100_000_000, max_pixels=100_000_000)


def check(
    data: bytes, profile: Profile, *, day: date | None = None, kind: str = "", source: bytes | None = None, limits: Limits = LIMITS
) -> Report:
    """The report of an encoded picture. Rules are those of `day` (None: the last ones known) for goods of `kind`; rules that
    begin to fail on a later day are reported with that day. `source` is the original photo, whose label must be kept. A picture beyond
    `limits` is not looked at.

    A file that is not a picture is a finding, not an error. Raises RequestError for a kind that the profile does not have.
    """
    rules = profile.on(day, kind)
    try:
        picture = _Picture(data, rules, limits)
    except ImageError as error:
        return unreadable(error, profile, day, kind)
    findings = list(picture.findings(rules))
    if source is not None:
        findings.append(label_kept(rules, data, source))
    for later in (change for change in profile.days if day is not None and change > day):
        failed = {finding.rule for finding in findings if finding.broken and finding.level == "must"}
        fails = (finding for finding in picture.findings(profile.on(later, kind)) if finding.broken and finding.rule not in failed)
        findings += [finding.model_copy(update={"since": later}) for finding in fails if finding.level == "must"]
    return Report(
        profile=profile.name,
        version=profile.version,
        day=day,
        kind=kind,
        width=picture.width,
        height=picture.height,
        product=picture.product,
        findings=tuple(findings),
    )


def unreadable(error: ImageError, profile: Profile, day: date | None = None, kind: str = "") -> Report:
    """The report of a file that cannot be read as one still picture."""
    finding = Finding(rule="readable", ok=False, found=f"{error.reason}: {error}", wanted="one still picture")
    return Report(profile=profile.name, version=profile.version, day=day, kind=kind, findings=(finding,))


class _Picture:
    """A decoded picture with the metadata of its file."""

    def __init__(self, data: bytes, rules: Rules, limits: Limits) -> None:
        decoded = decode(data, limits)
        self.num_bytes, self.format = len(data), decoded.format.lower()
        self.pixels: Pixels = decoded.pixels
        self.height, self.width = self.pixels.shape[:2]
        self.label = read_label(data).get("Iptc4xmpExt:DigitalSourceType", "").rpartition("/")[2]
        self.mode, self.transparent, self.space, tables = _header(data)
        self.content = Seen(self.pixels, tables)
        ground = rules.background
        self.kind = ground.kind
        self.seen: Measurements = measure(self.pixels, None if ground.kind == "any" else ground.rgb, ground.tolerance)
        measured = self.seen
        if ground.kind != "any" and not self.on_ground:
            measured = measure(self.pixels, None)  # the product can also be measured on another plain background
        box = measured.box if self.on_ground or measured.plain else None
        self.product = max(box[2] - box[0], box[3] - box[1]) if box else 0

    @property
    def on_ground(self) -> bool:
        """Whether the background is the one that the profile asks for."""
        return self.kind != "any" and self.seen.border >= BORDER

    def findings(self, rules: Rules) -> Iterator[Finding]:
        """A finding for each rule; those about the file come first."""
        yield Finding(rule="readable", ok=True, found=f"{self.format}, {self.mode}", wanted="one still picture")
        yield _finding("format", self.format in rules.formats, self.format, " or ".join(rules.formats), "conform")
        if rules.max_bytes is not None:
            wanted = f"at most {rules.max_bytes:,} bytes"
            yield _finding("bytes", self.num_bytes <= rules.max_bytes, f"{self.num_bytes:,} bytes", wanted, "conform")
        if rules.srgb:
            fits = self.mode in ("RGB", "L", "P", "RGBA", "LA", "1") and not self.space
            yield _finding("colour", fits, f"{self.mode}{self.space and ' in '}{self.space}", "8-bit RGB or grey in sRGB", "conform")
        yield _finding(
            "alpha", rules.alpha or not self.transparent, "transparent" if self.transparent else "opaque", _alpha(rules), "conform"
        )
        yield from self._sizes(rules)
        yield from self._ground(rules)
        yield from self._labels(rules)
        yield from content_findings(self.content, rules.content)

    def _sizes(self, rules: Rules) -> Iterator[Finding]:
        for name, side, pixels in (
            ("width", rules.width, self.width),
            ("height", rules.height, self.height),
            ("long_side", rules.long_side, max(self.width, self.height)),
        ):
            if side.min > 1 or side.max < 100_000:
                most = f" and at most {side.max:,}" if side.max < 100_000 else ""
                mend = "upscale, then conform" if pixels < side.min else "conform"
                yield _finding(name, side.min <= pixels <= side.max, f"{pixels:,} px", f"at least {side.min:,} px{most}", mend)
            if side.recommended is not None and side.min <= pixels <= side.max:
                yield _finding(
                    f"{name}_recommended", pixels >= side.recommended, f"{pixels:,} px", f"{side.recommended:,} px", "", "should"
                )
        if rules.max_megapixels is not None:
            megapixels = self.width * self.height / 1e6
            wanted = f"at most {rules.max_megapixels:g} megapixels"
            yield _finding("megapixels", megapixels <= rules.max_megapixels, f"{megapixels:.1f} megapixels", wanted, "conform")
        if rules.aspect is not None:
            off = abs(self.width / self.height / rules.aspect.ratio - 1)
            # sides are rounded to whole pixels, so one pixel more or less is always accepted
            fits = off <= max(rules.aspect.tolerance, 1 / min(self.width, self.height))
            yield _finding("aspect", fits, f"{self.width}x{self.height}", str(rules.aspect), "conform", rules.aspect.level)

    def _ground(self, rules: Rules) -> Iterator[Finding]:
        ground, seen = rules.background, self.seen
        if ground.kind != "any":
            wanted = f"{ground.rgb}" + (f" within {ground.tolerance}" if ground.tolerance else " exactly")
            mend = "white" if ground.kind == "white" else "conform"
            if not self.on_ground:
                found = f"{100 * seen.border:.0f} % of the frame's edge has that colour, most of it is about {seen.background}"
                yield _finding("background", False, found, wanted, mend)
            elif seen.nearly and not seen.dirty:
                found = f"{seen.nearly:,} pixels that reach the frame's edge are nearly of that colour, and to the eye not"
                yield _finding("background", False, found, wanted, mend)
            else:
                found = f"{seen.dirty:,} of {seen.far:,} pixels farther than {RING} px from the product differ"
                if seen.dirty:
                    found += f", by at most {seen.worst} levels: not {ground.rgb} by the letter, the same to the eye"
                yield _finding("background", not seen.dirty, found, wanted, mend)
            if seen.enclosed:
                found = f"{100 * seen.enclosed:.1f} % of the frame inside the product is flat and about {seen.enclosed_colour}: ground?"
                yield _finding("enclosed", False, found, wanted, "", "should")
        if rules.fill is not None:
            yield self._fill(rules)

    def _fill(self, rules: Rules) -> Finding:
        fill = rules.fill
        assert fill is not None
        wanted = f"{100 * fill.min:.0f}-{100 * fill.max:.0f} % of the frame"
        if not self.on_ground and (rules.background.kind != "any" or not self.seen.plain):
            return Finding(rule="fill", ok=None, found="it cannot be measured on this background", wanted=wanted, level=fill.level)
        if self.seen.box is None:
            return _finding("fill", False, "no product found", wanted, "", fill.level)
        return _finding("fill", fill.min <= self.seen.fill <= fill.max, f"{100 * self.seen.fill:.1f} %", wanted, "conform", fill.level)

    def _labels(self, rules: Rules) -> Iterator[Finding]:
        found = self.label or "no IPTC digital source type"
        wanted = "any" if rules.synthetic else "a photo, edited or not: no fully synthetic picture"
        yield _finding("synthetic", rules.synthetic or self.label not in ("trainedAlgorithmicMedia", "algorithmicMedia"), found, wanted, "")


def label_kept(rules: Rules, data: bytes, source: bytes) -> Finding:
    """A picture whose source has an AI label must have one: the same IPTC term, or another one for AI (such as composites)."""
    before, after = (read_label(file).get("Iptc4xmpExt:DigitalSourceType", "").rpartition("/")[2] for file in (source, data))
    kept = not rules.label_kept or before not in AI_TYPES or after in AI_TYPES
    return _finding("label", kept, after or "no IPTC digital source type", before if before in AI_TYPES else "nothing to keep", "")


def _finding(rule: str, ok: bool, found: str, wanted: str, mend: str, level: Any = "must") -> Finding:
    return Finding(rule=rule, ok=bool(ok), found=found, wanted=wanted, mend="" if ok else mend, level=level)


def _alpha(rules: Rules) -> str:
    return "opaque or transparent" if rules.alpha else "opaque"


def _header(data: bytes) -> tuple[str, bool, str, list[list[int]]]:
    """The file's pixel mode (such as `RGB, 16 bits`), whether any pixel is transparent, its colour space, empty for sRGB, and the
    quantization tables of a JPEG."""
    with warnings.catch_warnings(action="ignore"), Image.open(BytesIO(data), formats=FORMATS) as image:
        mode, transparent = image.mode, False
        tables = [list(table) for table in getattr(image, "quantization", {}).values()]
        distance, space = distance_from_srgb(image, data)
        deep = mode.startswith(("I", "F")) or (data.startswith(b"\x89PNG") and data[24:25] == b"\x10") or _bits(image) > 8
        if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
            with contextlib.suppress(Exception):  # without a readable alpha channel it is opaque; the picture itself was decoded before
                transparent = int(np.asarray(image.convert("RGBA").getchannel("A")).min()) < 255
    return f"{mode}, 16 bits" if deep else mode, transparent, space if distance > NEAR_SRGB else "", tables


def _bits(image: Image.Image) -> int:
    """Bits per channel of a TIFF (tag 258), else 8."""
    bits = getattr(image, "tag_v2", {}).get(258, 8)
    return max(bits) if isinstance(bits, tuple) else int(bits)
