"""How fast a server makes images, measured while it has enough to do: what a new request has to wait, honestly."""

from __future__ import annotations

HALF_LIFE = 5.0  # seconds after which a measurement counts half


class Pace:
    """Images a second over the last busy seconds."""

    def __init__(self) -> None:
        self._images = self._seconds = 0.0
        self._last: float | None = None

    def count(self, images: int, now: float, left: int) -> None:
        """`images` are made at `now`, and `left` are still to be made: with none left, the time until the next is not counted."""
        if self._last is not None:
            passed = max(0.0, now - self._last)
            fade = 0.5 ** (passed / HALF_LIFE)
            self._images = self._images * fade + images
            self._seconds = self._seconds * fade + passed
        self._last = now if left else None

    def seconds(self, images: int) -> float:
        """Seconds that so many images take; 0.0 while nothing is known."""
        if self._seconds < 0.2 or not self._images:
            return 0.0
        return images * self._seconds / self._images
