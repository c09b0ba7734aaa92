"""What a catalog does not bode well for: training goes on, and a person is told by name what to expect."""

from __future__ import annotations

import numpy as np

from ganray.catalog.reader import Catalog
from ganray.config import TrainConfig

RARE = 16  # images of a value: fewer are hardly a class
FEW = 1000  # images of a catalog: fewer are learned by heart unless D sees them changed
NAMED = 5  # values named in a line
LOOKED_AT = 64  # photos, to see whether all are the same


def doubts(config: TrainConfig, catalog: Catalog, vocabulary: dict[str, tuple[str, ...]]) -> list[str]:
    """Lines for a person about a run on `catalog` that is conditioned on `vocabulary`."""
    asked = config.attributes if config.attributes is not None else tuple(catalog.info.attributes)
    lines = [_constant(catalog, name, bool(vocabulary)) for name in asked if name not in vocabulary]
    lines += [line for name in vocabulary if (line := _rare(catalog, name))]
    if catalog.num_images < FEW and not config.augment.target and not config.augment.p_final:
        lines.append(f"{catalog.num_images} images are soon learned by heart: try --augment.target 0.6")
    if _alike(catalog, config.seed):
        lines.append(f"the {LOOKED_AT} photos of {catalog.url} that were looked at are all the same picture: the model will draw no other")
    return lines


def _constant(catalog: Catalog, name: str, conditional: bool) -> str:
    value = next(iter(catalog.info.attributes[name]), "")
    rest = "it tells the model nothing and is left out"
    return f"every image has {name} {value!r}: {rest}" + ("" if conditional else ", and the model is unconditional")


def _rare(catalog: Catalog, name: str) -> str:
    counts = sorted((num, value) for value, num in catalog.info.histograms[name].items() if num < RARE)
    if not counts:
        return ""
    named = ", ".join(f"{value or '(none)'!r} {num}" for num, value in counts[:NAMED])
    more = f" and {len(counts) - NAMED} more values" if len(counts) > NAMED else ""
    return f"few images of {name} {named}{more}: expect little variety there; --condition.ramp-kimg lets them learn from the others"


def _alike(catalog: Catalog, seed: int) -> bool:
    pixels, _ = catalog.sample(LOOKED_AT, np.random.default_rng(seed))
    return len(pixels) > 1 and bool((pixels == pixels[0]).all())
