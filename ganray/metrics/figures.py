"""The one table of scores: the name, title, direction and meaning of each. Reports, cards, pages and trackers take them from here.

The names are keys of report.json, scores.jsonl and the model's `metrics`; `NAME_floor` is the same score of held-out photos.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """One score: its title, where a good value lies, what it means, and whether it is a share that is shown in percent."""

    title: str
    good: Literal["low", "high", "as photos"]
    meaning: str
    percent: bool = False

    @property
    def in_text(self) -> str:
        """The title inside a sentence: lower case, except for a person's name."""
        return self.title if self.title.startswith("Frechet") else self.title[:1].lower() + self.title[1:]


# of a report by `ganray evaluate`, in its order
FIGURES: dict[str, Figure] = {
    "frechet": Figure(
        "Frechet distance",
        "low",
        "Distance between the distribution of generated images and that of photos. Held-out photos are not at 0 either.",
    ),
    "kernel": Figure(
        "Kernel distance",
        "low",
        "The same comparison by another method, without bias: at 0 the two distributions cannot be told apart.",
    ),
    "density": Figure(
        "Density",
        "as photos",
        "How typical the images are. Low: many look like no photo. Above the photos' own: they crowd where photos are commonest.",
    ),
    "coverage": Figure(
        "Coverage",
        "high",
        "Share of photos that have a generated image close by. It falls when the model repeats a few products.",
        percent=True,
    ),
    "neighbour_ratio": Figure(
        "Neighbour ratio",
        "as photos",
        "Distance of an image to its nearest photo, over that of a held-out photo to its own. Near 0: copies. Far above 1: unlike photos.",
    ),
    "copied_share": Figure(
        "Suspected copies",
        "as photos",
        "Share of images that lie as close to a photo as only the closest 1 % of other photos do. Look at the report's nearest pairs.",
        percent=True,
    ),
    "accuracy": Figure(
        "Accuracy",
        "high",
        "Share of images in which the extractor recognises what was requested: right category, right colour and so on, averaged.",
        percent=True,
    ),
}
MERIT = "merit"
# of a score while a model trains (`scorer.py`), in its order; the model in OUT/best is the one of the highest merit
RUN_FIGURES: dict[str, Figure] = {
    **{name: FIGURES[name] for name in ("frechet", "coverage", "density", "accuracy", "neighbour_ratio")},
    MERIT: Figure(
        "Merit", "high", "Product of four shares of what held-out photos reach: distance, coverage, accuracy and neighbour ratio."
    ),
}
_FORMER_NAMES = {"fd": "frechet", "fd_floor": "frechet_floor", "nn_ratio": "neighbour_ratio"}  # in files of earlier runs


def with_current_names(row: Mapping[str, float]) -> dict[str, float]:
    """A row of scores as it was read from a file, with the names of today: older runs wrote fd and nn_ratio."""
    return {_FORMER_NAMES.get(name, name): value for name, value in row.items()}
