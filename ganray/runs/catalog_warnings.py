"""Warnings about a catalog: training goes on, and the warning names what to expect."""

from __future__ import annotations

import numpy as np

from ganray.catalog.reader import Catalog
from ganray.config import ModelConfig, TrainConfig
from ganray.titles import NONE, Pieces

RARE_IMAGES = 16  # images of a value: fewer are hardly a class
OFTEN_SEEN = 200  # times that D sees an image: from about there on it knows it by heart, unless it sees it changed
ALIKE = 2.0  # levels from their mean picture, in the mean: garments lie 50 from it, and small things on white 5
VALUES_NAMED, TITLE_CHARACTERS = 5, 60  # values named in a line, and characters of a title
LOOKED_AT = 64  # photos, to see whether all are the same, and titles
MOST_PIECES = 1000  # of a title that is looked at


def catalog_warnings(config: TrainConfig, catalog: Catalog, vocabulary: dict[str, tuple[str, ...]]) -> list[str]:
    """Lines for a person about a run on `catalog` that is conditioned on `vocabulary`."""
    asked = config.attributes if config.attributes is not None else tuple(catalog.info.attributes)
    lines = [_constant(catalog, name, bool(vocabulary or config.model.title_pieces)) for name in asked if name not in vocabulary]
    lines += [line for name in vocabulary if (line := _rare(catalog, name))]
    times = 1000 * config.kimg / catalog.num_images
    if times > OFTEN_SEEN and not config.augment.p_final:
        advice = "try --augment.target 0.75 --augment.p-final 0.6"
        lines.append(f"each of the {catalog.num_images} images is seen {times:.0f} times, and may be learned by heart: {advice}")
    if config.model.title_pieces and (line := _long(catalog, config.model)):
        lines.append(line)
    return lines + ([line] if (line := _alike(catalog, config.seed)) else [])


def _constant(catalog: Catalog, name: str, conditional: bool) -> str:
    value = next(iter(catalog.info.attributes[name]), "")
    rest = "it tells the model nothing and is left out"
    return f"every image has {name} {value!r}: {rest}" + ("" if conditional else ", and the model is unconditional")


def _rare(catalog: Catalog, name: str) -> str:
    counts = sorted((num, value) for value, num in catalog.info.histograms[name].items() if num < RARE_IMAGES)
    if not counts:
        return ""
    named = ", ".join(f"{value or '(none)'!r} {num}" for num, value in counts[:VALUES_NAMED])
    more = f" and {len(counts) - VALUES_NAMED} more values" if len(counts) > VALUES_NAMED else ""
    return f"few images of {name} {named}{more}: expect little variety there; --condition.ramp-kimg lets them learn from the others"


def _long(catalog: Catalog, model: ModelConfig) -> str:
    titles = {title: len(set(Pieces(MOST_PIECES, model.title_buckets).of(title)) - {NONE}) for title in catalog.some_titles(LOOKED_AT)}
    longest = max(titles, key=lambda title: titles[title], default="")
    cut = sum(num > model.title_pieces for num in titles.values())
    if not cut:
        return ""
    return (
        f"{cut} of {len(titles)} titles have more than {model.title_pieces} pieces, {longest[:TITLE_CHARACTERS]!r} has {titles[longest]}: "
        f"the rest is not read; --model.title-pieces {titles[longest]} would read it"
    )


def _alike(catalog: Catalog, seed: int) -> str:
    pixels, _ = catalog.sample(LOOKED_AT, np.random.default_rng(seed))
    if len(pixels) < 2:
        return ""
    known = f"the {len(pixels)} photos of {catalog.url} that were looked at are"
    if (pixels == pixels[0]).all():
        return f"{known} all the same picture: the model will draw no other"
    apart = float(np.abs(pixels - pixels.mean(0)).mean())
    if apart >= ALIKE:
        return ""
    return (
        f"{known} nearly one picture, {apart:.1f} of 255 levels from their mean: the model will draw no other; see --duplicates of ingest"
    )
