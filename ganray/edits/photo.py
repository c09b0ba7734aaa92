"""A photo between two edits: its pixels, and the results of earlier edits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganray.images.codec import Format, Pixels

Alpha = NDArray[np.float32]  # [H, W], share of the product in each pixel, 0..1
NO_FACTS: Mapping[str, float | str] = MappingProxyType({})


@dataclass(frozen=True)
class Output:
    """Requirements for the encoded file, which `fitting.encode_to_fit` meets.

    `quality` is the initial one, None the format's default; it is lowered until the file has at most `max_bytes` (0: no limit). Far from
    the product the decoded picture must be within `tolerance` levels of `ground`, if given.
    """

    format: Format
    quality: int | None = None
    max_bytes: int = 0
    ground: tuple[int, int, int] | None = None
    tolerance: int = 0
    profile: str = ""


@dataclass(frozen=True)
class Photo:
    """Uint8 [H, W, 3] sRGB. `matte` is the share of product, if an edit has found it; with `cut`, it becomes the file's alpha.

    `alpha` is the transparency of the photo's own file, which the result keeps unless an edit lays a ground. With `straight`, pixels are
    the product's own colours also where the matte is partial, as in a file with a cut-out: no old background is mixed in.

    `facts` are measurements for the manifest (psnr, matte, gain, ...), `edits` the names of the edits so far and `source_types` their IPTC
    terms, in order. `output` are the last edit's requirements for the file.
    """

    pixels: Pixels
    matte: Alpha | None = None
    cut: bool = False
    alpha: Alpha | None = None
    straight: bool = False
    facts: Mapping[str, float | str] = field(default_factory=lambda: NO_FACTS)
    edits: tuple[str, ...] = ()
    source_types: tuple[str, ...] = ()
    output: Output | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def having(self, **changes: Any) -> Photo:
        """A copy with other `pixels`, `matte`, `cut`, `alpha`, `straight`, `output`, or more `facts`."""
        if "facts" in changes:
            changes["facts"] = MappingProxyType({**self.facts, **changes["facts"]})
        return replace(self, **changes)

    def marked(self, edit: str, source_type: str) -> Photo:
        """A copy with this edit recorded."""
        return replace(
            self, edits=(*self.edits, edit), source_types=(*self.source_types, source_type) if source_type else self.source_types
        )
