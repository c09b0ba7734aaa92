"""How fast a server makes images, measured while it has enough to do: what a new request has to wait, honestly."""

from __future__ import annotations

HALF_LIFE_S = 2.0  # after which a measurement counts half
STALE_S = 10.0  # after which it counts no more: who is refused for a slow moment would keep the server from being measured again
ENOUGH_S = 0.05  # of work before anything is said


class Pace:
    """Images a second over the last busy seconds."""

    def __init__(self) -> None:
        self._images = self._seconds = 0.0
        self._last: float | None = None  # when images were finished, with enough still to do
        self._measured = 0.0

    def count(self, images: int, now: float, busy: bool) -> None:
        """`images` are finished at `now`. `busy`: enough are left for full batches, so that the time until the next counts."""
        if self._last is not None:
            passed = max(0.0, now - self._last)
            fade = 0.5 ** (passed / HALF_LIFE_S)
            self._images = self._images * fade + images
            self._seconds = self._seconds * fade + passed
            self._measured = now
        self._last = now if busy else None

    def seconds(self, images: int, now: float) -> float:
        """Seconds that so many images take; 0.0 while nothing is known. Time since the last ones, with enough to do, counts as well."""
        if self._seconds < ENOUGH_S or now - self._measured > STALE_S:
            return 0.0
        passed = 0.0 if self._last is None else max(0.0, now - self._last)
        waited: float = passed * 2.0 ** (passed / HALF_LIFE_S)  # what was measured before has faded since
        return images * (self._seconds + waited) / self._images
