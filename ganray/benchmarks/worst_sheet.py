"""The sheet of a benchmark of edits: its worst examples, worst first, and how bad the worst one is, which a mean and a median hide."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass, field
from typing import Any

from ganray.benchmarks.edit_fixtures import PICTURES_SHOWN, write_sheet
from ganray.images.codec import Pixels


@dataclass
class WorstSheet:
    """Keeps the pictures of the PICTURES_SHOWN examples with the smallest figures."""

    name: str
    num: int = field(default=0, init=False)
    _kept: list[tuple[float, int, list[Pixels]]] = field(default_factory=list, init=False)

    @property
    def worst(self) -> float:
        """The smallest figure; nan without examples."""
        return self._kept[0][0] if self._kept else math.nan

    def add(self, figure: float, pictures: list[Pixels]) -> None:
        """An example: how good it is, in any unit, and what is shown of it. One without a figure (nan) is the worst."""
        bisect.insort(self._kept, (-math.inf if math.isnan(figure) else figure, self.num, pictures))
        del self._kept[PICTURES_SHOWN:]
        self.num += 1

    def facts(self) -> dict[str, Any]:
        """Write `out/benchmark/NAME.jpg`; returns its path as `sheet`, "" for no examples, and the smallest figure as `worst`."""
        return {"worst": round(self.worst, 4), "sheet": write_sheet(self.name, [pictures for _, _, pictures in self._kept])}
