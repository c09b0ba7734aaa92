"""The recipes that `quality` and `samples` compare: a preset, and what it needs to draw pictures of another side."""

from __future__ import annotations

from typing import Any, NamedTuple

from ganray.config import TrainConfig
from ganray.errors import ConfigError
from ganray.presets import preset


class Recipe(NamedTuple):
    """A preset and changes of it, each a section or a plain key of TrainConfig."""

    preset: str
    changes: dict[str, Any]

    def config(self) -> TrainConfig:
        """As a run would have it."""
        config = preset(self.preset)
        return config.model_copy(
            update={
                name: getattr(config, name).model_copy(update=change) if isinstance(change, dict) else change
                for name, change in self.changes.items()
            }
        )


# dcgan loses its coarsest stage, mlp its last layer grows
AT_32 = {
    "mlp": Recipe("mlp-28", {"model": {"resolution": 32}}),
    "dcgan": Recipe("dcgan-64", {"model": {"resolution": 32, "widths": (256, 128, 64)}}),
    "r3": Recipe("demo-32", {}),
    "lunch": Recipe(  # after 2 minutes: see LOG.md
        "demo-32", {"model": {"widths": (128, 64, 16), "skips": True, "classifier": True}, "optimizer": {"lr": 3e-3}}
    ),
}
# r3, which others are compared with, is demo-32 with one more stage, and four times the penalty for four times the pixels.
AT_64 = {
    "dcgan": Recipe("dcgan-64", {}),
    "r3": Recipe("demo-32", {"model": {"resolution": 64, "widths": (128, 128, 96, 32)}, "loss": {"gamma": 0.2, "gamma_final": 0.08}}),
    "lunch": Recipe("lunch-64", {}),
}
FAMILIES = ("mlp", "dcgan", "r3")  # one recipe of each, which `quality` compares at 32 px
RECIPES = {32: AT_32, 64: AT_64}


def recipes_at(resolution: int, catalog: str) -> dict[str, Recipe]:
    """The recipes for a catalog's pictures. Raises ConfigError where there are none."""
    if resolution not in RECIPES:
        sides = " or ".join(str(side) for side in RECIPES)
        raise ConfigError(
            f"catalog {catalog} has {resolution} px images, the recipes here draw {sides} px", f"Ingest it with --resolution {max(RECIPES)}"
        )
    return RECIPES[resolution]
