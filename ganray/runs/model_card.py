"""The model card: a Markdown page that a person can publish beside the weights. It contains no paths or buckets.

Training writes it whole. What comes later (scorecard.py) leaves the rest of it as it is: that is a person's to edit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ganray.metrics import MERIT, RUN_FIGURES, with_current_names
from ganray.model_folder import ModelInfo, Origin
from ganray.runs.card_scores import PLACE, escape_markdown
from ganray.runs.live_page import FILM, PAGE
from ganray.runs.privacy import privacy_section

VALUES_SHOWN = 60  # values of an attribute that the card names
FEW_PHOTOS = 20  # photos of a value that are said to be few
SMALL_CATALOG = 1000  # photos of a catalog that is said to be small
COURSE_COLUMNS = {
    "kimg": "thousand images",
    "loss_d": "loss of D",
    "loss_g": "loss of G",
    "logit": "logit, real minus made",
    "r1": "R1",
    "r2": "R2",
    "p": "augmentation",
}
INTENDED_USE = """## Intended use

Drafts of catalog pictures, placeholders, mock-ups, and synthetic data for experiments, each labelled as made by a trained algorithm: ganray
writes the label (IPTC `trainedAlgorithmicMedia`, and China's AIGC record) into every image, and reads it back. Not for passing off a made
picture as the photo of a product that is sold, nor where a marketplace forbids fully synthetic pictures."""
OTHERS_PHOTOS = """ Nor covered: the
photos of the models that this one began with. Where a photo is in their catalogs too, nothing is promised of it."""
FAILURES = (
    "It draws what its catalog shows, at one size, and repeats the catalog's habits: what is common there is common here.",
    "Combinations of values that the catalog lacks may come out as the nearest ones that it has.",
    "Writing, logos and fine regular patterns come out as their look, not as themselves.",
    "It can repeat a photo that it has seen. The neighbour ratio and the suspected copies of an evaluation tell how often.",
    "One request gives the same pixels in ganray on one kind of device; on others, and in other runtimes, a few may differ by a level.",
)


def model_card(info: ModelInfo, rows: Sequence[dict[str, float]], grids: Sequence[str]) -> str:
    """Markdown from what the run knows of itself: data, networks, course of the training, grids."""
    parts = [
        _front(info),
        f"# {info.model.name} at {info.model.resolution} px",
        _summary(info),
        *([f"![Samples at the end of training, made by the model]({grids[-1]})"] if grids else []),
        _facts(info),
        _data(info),
        _course(info, rows, grids),
        *(["\n".join(_scores(info.metrics)).rstrip()] if info.metrics else []),
        "## Evaluation",
        PLACE,
        INTENDED_USE,
        *([privacy_section(info.privacy) + (OTHERS_PHOTOS if info.origins else "")] if info.privacy else []),
        _limits(info),
        _loading(info),
    ]
    return "\n\n".join(parts) + "\n"


def _front(info: ModelInfo) -> str:
    """YAML that model hubs read; JSON strings are YAML."""
    tags = ["gan", "image-generation", "product-photos", "synthetic-data", info.model.name]
    return f"---\nlicense: {json.dumps(_licence(info), ensure_ascii=False)}\nlibrary_name: ganray\ntags: {json.dumps(tags)}\n---"


def _licence(info: ModelInfo) -> str:
    return info.train.license if info.train else "unknown"


def _photos(info: ModelInfo) -> int:
    """Photos of the catalog, as far as they are known: every photo has one value of each attribute."""
    return max((sum(counts.values()) for counts in info.histograms.values()), default=0)


def _summary(info: ModelInfo) -> str:
    side, photos = info.model.resolution, f" of {_photos(info):,} photos" if _photos(info) else ""
    asked = [*(escape_markdown(name) for name in info.attributes), *(["title"] if info.pieces.num else [])]
    return (
        f"A generative adversarial network that draws product pictures of {side} x {side} pixels, "
        f"{'asked for by ' + ', '.join(asked) if asked else 'drawn from the seed alone'}. "
        f"Trained {'with the weights of another model at first' if info.origins else 'from nothing'} with ganray {info.software} "
        f"on a catalog{photos}, for {info.num_images / 1000:g} thousand images shown."
    )


def _facts(info: ModelInfo) -> str:
    model, train = info.model, info.train
    rows = {
        "weights": f"`model.safetensors`, {info.size:,} bytes, {info.size / 4e6:.3g} million numbers, sha256 `{info.digest}`",
        "networks": f"`{model.name}`, widths {', '.join(map(str, model.widths))}, z {model.z_dim}; these are G's moving average",
        "catalog": f"digest `{info.catalog_digest}`" if info.catalog_digest else "digest withheld",
    }
    if info.origins:
        rows["began with"] = ", which began with ".join(_origin(origin) for origin in info.origins)
    if train:
        rows["training"] = (
            f"preset {train.preset}, batch {train.batch} over {train.workers} worker(s), seed {train.seed}, {train.loss.name} loss, "
            f"penalty {train.loss.penalty}, Adam from {train.optimizer.lr:g} to {train.optimizer.lr_final:g}"
        )
    return _table(("", ""), [*rows.items(), ("licence", escape_markdown(_licence(info)))])


def _origin(origin: Origin) -> str:
    networks = "G and D" if origin.discriminator else "G"
    catalog = f"catalog `{origin.catalog_digest}`" if origin.catalog_digest else "digest of its catalog withheld"
    return f"{networks} of the model with sha256 `{origin.digest}` ({origin.num_images / 1000:g} thousand images, {catalog})"


def _data(info: ModelInfo) -> str:
    lines = ["## What it can be asked for", ""]
    if info.attributes:
        counted = {name: _counted(values, info.histograms.get(name, {})) for name, values in info.attributes.items()}
        rows = [(f"**{escape_markdown(name)}** ({len(info.attributes[name])})", values) for name, values in counted.items()]
        lines += [_table(("attribute", "values, with the photos of each in the catalog"), rows), ""]
    if info.pieces.num:
        lines += [
            f"A **title**, such as: {'; '.join(escape_markdown(title) for title in info.titles)}. Words count, not their order. "
            "An unknown word counts by what its spelling shares with known ones, and one unlike all of the catalog's for nothing.",
            "",
        ]
    if not info.attributes and not info.pieces.num:
        lines.append("Nothing: it is unconditional, every image is drawn from the seed alone.")
    return "\n".join(lines).rstrip()


def _counted(values: Sequence[str], photos: Mapping[str, int]) -> str:
    common = sorted(values, key=lambda value: -photos.get(value, 0))  # stable: the vocabulary's order among equals
    shown = [
        f"{escape_markdown(value) or '(none)'} {photos[value]:,}" if value in photos else escape_markdown(value)
        for value in common[:VALUES_SHOWN]
    ]
    more = len(values) - len(shown)
    return ", ".join(shown) + (f", and {more:,} more: `model.json` has them all" if more else "")


def _course(info: ModelInfo, rows: Sequence[dict[str, float]], grids: Sequence[str]) -> str:
    lines = ["## Course of the training", ""]
    if rows:
        last = [(name, f"{rows[-1][key]:.4g}") for key, name in COURSE_COLUMNS.items() if key in rows[-1]]
        lines += [_table(("at the end", "mean since the row before"), last), ""]
    beside = [
        *([] if info.privacy else [f"the [curves of the whole run]({PAGE})"]),  # of a private run they tell the speed
        *([f"a [film]({FILM}) of the same z over time", f"{len(grids)} grids in `grids/`"] if grids else []),
    ]
    return "\n".join([*lines, *([f"Beside this card: {', '.join(beside)}."] if beside else [])]).rstrip()


def _limits(info: ModelInfo) -> str:
    failures = list(FAILURES)
    few = [
        f"{escape_markdown(name)} {escape_markdown(value) or '(none)'}"
        for name, photos in info.histograms.items()
        for value, count in photos.items()
        if count < FEW_PHOTOS and value in info.attributes.get(name, ())
    ]
    if few:
        rest = f" and {len(few) - VALUES_SHOWN:,} more" if len(few) > VALUES_SHOWN else ""
        failures.append(f"Under {FEW_PHOTOS} photos each, so little variety: {', '.join(few[:VALUES_SHOWN])}{rest}.")
    if 0 < _photos(info) < SMALL_CATALOG:
        failures.append(f"{_photos(info):,} photos are few: look for copies before you publish.")
    return "## Limits and known failure modes\n\n" + "\n".join(f"- {failure}" for failure in failures)


def _loading(info: ModelInfo) -> str:
    attributes = {name: values[-1] for name, values in info.attributes.items()}
    request = json.dumps({"id": "1", "attributes": attributes, "seed": 7, "count": 4}, ensure_ascii=False)
    return f"""## How to load it

```
ganray generate --model THIS_FOLDER --num 100 --out images      # or --requests FILE, of lines like the one below
ganray serve    --model THIS_FOLDER                             # HTTP, the same requests
ganray export   --model THIS_FOLDER --out export                # ONNX, safetensors, torch.export
```

```json
{request}
```

```python
from ganray.engine import Engine
from ganray.requests import GenerateRequest

engine = Engine.load("THIS_FOLDER")
for sample in engine.generate([GenerateRequest(attributes={attributes!r}, seed=7, count=4)]):
    sample.pixels  # uint8 [{info.model.resolution}, {info.model.resolution}, 3]
```"""


def _table(head: tuple[str, str], rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join([f"| {head[0]} | {head[1]} |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _scores(row: dict[str, float]) -> list[str]:
    """The quick scores that the model was chosen by, beside those of held-out photos."""
    if not row:
        return []
    row = with_current_names(row)
    figures = {name: figure.in_text for name, figure in RUN_FIGURES.items() if name != MERIT}
    floors = {name: row.get(f"{name}_floor", 1.0) for name in figures}
    return [
        f"Scores at {row['kimg']:g} thousand images, beside those of held-out photos (`ganray evaluate` measures more images, and more):",
        "",
        "| | model | photos |",
        "|---|---|---|",
        *(f"| {title} | {row[name]:.4g} | {floors[name]:.4g} |" for name, title in figures.items() if name in row),
        "",
    ]
