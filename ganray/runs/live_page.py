"""The live view of a run: `progress.html` and `film.webp` in the model folder, rewritten as the run goes on.

Both show all that the run has left so far, an interrupted one's earlier part included. They take a hundredth of the time at most, since the
processor may be the training's. Pictures carry the label of made images in their bytes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from ganray import __version__
from ganray.config import TrainConfig
from ganray.errors import StorageError
from ganray.images.animation import encode_film, film_frame
from ganray.images.codec import Pixels, decode_prepared
from ganray.images.provenance import Label, encode_labelled
from ganray.runs.history import RunHistory, kimg_of
from ganray.runs.run_page import Pictures, render_run
from ganray.runs.trackers import name_of
from ganray.storage import Store

PAGE, FILM = "progress.html", "film.webp"
FRAMES, SIDE, LIMIT = 40, 720, 2_000_000  # of the film: how many, their longer side in pixels, and all its bytes
STEPS = 6  # pictures that stand side by side
SHARE = 0.01  # of the time that a run takes


class LivePage:
    """Makes page and film of one run; `write` may take seconds, and is for a thread that has them."""

    def __init__(self, store: Store, config: TrainConfig) -> None:
        self._store, self._config = store, config
        self._frames: dict[str, Pixels] = {}
        self._film, self._filmed = b"", [""]
        self._made, self._took = 0.0, 0.0

    def add(self, key: str, png: bytes) -> None:
        """A grid that has just been put under `key`."""
        self._frames[key] = film_frame(decode_prepared(png), caption(key), SIDE)

    def due(self) -> bool:
        """Whether it may be written again for its share of the time."""
        return time.monotonic() - self._made > self._took / SHARE

    def write(self, seen: RunHistory) -> None:
        """Film, then page. Raises StorageError, ImageError."""
        started = time.monotonic()
        try:
            self._choose(seen.grids)
            if self._frames and list(self._frames) != self._filmed:
                self._film = encode_film(list(self._frames.values()), self._label("film of grids"), LIMIT)
                self._filmed = list(self._frames)
                self._store.put(FILM, self._film)
            self._store.put(PAGE, render_run(seen, self._config, self._pictures()).encode())
        finally:
            self._made = time.monotonic()
            self._took = self._made - started

    def _choose(self, grids: Sequence[str]) -> None:
        """Keep the frames of at most FRAMES grids, spread evenly; those that are not at hand are read again."""
        self._frames = {key: frame for key in evenly(grids, FRAMES) if (frame := self._frame(key)) is not None}

    def _frame(self, key: str) -> Pixels | None:
        if key in self._frames:
            return self._frames[key]
        try:
            return film_frame(decode_prepared(self._store.get(key)), caption(key), SIDE)
        except (StorageError, OSError):  # a film had better lack a frame than be lost
            return None

    def _pictures(self) -> Pictures | None:
        if not self._frames:
            return None
        label = self._label("grid")
        steps = {key: encode_labelled(self._frames[key], "jpeg", label, quality=85) for key in evenly(list(self._frames), STEPS)}
        return Pictures(len(self._frames), FILM, self._film, steps)

    def _label(self, what: str) -> Label:
        return Label(model_digest="in training", request_id=f"{what} of {name_of(self._config)}", seed=0, software=f"ganray {__version__}")


def evenly(keys: Sequence[str], num: int) -> list[str]:
    """At most `num` of them, the first and the last among them, in their order."""
    places = np.linspace(0, len(keys) - 1, min(num, len(keys))).round().astype(int)
    return [keys[place] for place in places]


def caption(key: str) -> str:
    """What stands under a grid in the film."""
    return f"{kimg_of(key):g} thousand images - AI-generated"
