"""The report as one self-contained page: figures with their floors, pictures inline, every number explained in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ganray.images.codec import Pixels, encode
from ganray.images.provenance import Label, encode_labelled
from ganray.images.transforms import resize
from ganray.metrics import FIGURES
from ganray.metrics.pair_sheet import TILE, Pairs, SheetRow, pair_sheet, strip
from ganray.metrics.recognition import VERDICTS, WORSE
from ganray.metrics.summary import percent, shown
from ganray.pages import data_url, render

ENLARGED = TILE  # smaller pictures are enlarged to about this many pixels
MOST_VALUES = 100  # of an attribute, the worst first; report.json has all
DIRECTIONS = {"low": "lower is better", "high": "higher is better", "as photos": "best near the photos' own"}
GENERATED_TYPE, COMPOSITE_TYPE = (
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
)  # IPTC: a generated picture, one with generated parts
SHARES = {"coverage", "copied_share", "accuracy"}


@dataclass(frozen=True)
class Pair:
    """A generated image beside the photo most like it, uint8 [R, R, 3]; `distance` in units of the usual one between photos."""

    image: Pixels
    photo: Pixels
    distance: float
    asked: str


@dataclass(frozen=True)
class Pictures:
    """The contact sheet uint8 [H, W, 3]; nearest pairs in titled groups; by attribute and value, samples beside their nearest photos."""

    sheet: Pixels
    pairs: Mapping[str, Sequence[Pair]]
    values: Mapping[str, Mapping[str, Pairs]]


def render_page(report: Mapping[str, Any], pictures: Pictures) -> str:
    """The page of a report (`verbs/evaluate.py` says what is in it): HTML."""
    made = label_of(report, "nearest pairs")
    return render(
        "evaluation.html",
        title=f"Evaluation of {report['model']['url']}",
        summary=report["summary"],
        num=f"{report['num']:,}",
        scores=[_score(name, value, report["floors"][name]) for name, value in report["scores"].items()],
        accuracy=[
            {"attribute": name, "generated": _share(values["generated"]), "photos": _share(values["photos"])}
            for name, values in report["accuracy"].items()
        ],
        attributes=[
            _attribute(name, row["values"], pictures.values.get(name, {}), label_of(report, "nearest photos", COMPOSITE_TYPE))
            for name, row in report["accuracy"].items()
            if row["generated"] is not None
        ],
        sheet=_inline(pictures.sheet, label_of(report, "contact sheet", COMPOSITE_TYPE)),
        searched=_searched(report),
        pairs={title: [_pair(pair, made) for pair in group] for title, group in pictures.pairs.items()},
        facts=_facts(report),
    )


def value_sheet(rows: Mapping[str, Mapping[str, Any]], pairs: Mapping[str, Pairs]) -> Pixels:
    """The sheet of an attribute: its values with their figures in the report, and pairs."""
    return pair_sheet([SheetRow(shown(value), tuple(_lines(rows[value])), pairs[value]) for value in pairs])


def label_of(report: Mapping[str, Any], what: str, kind: str = GENERATED_TYPE) -> Label:
    """What a picture in the report says of itself: made, or made in part, by the report's model."""
    return Label(report["model"]["digest"], what, report["seed"], f"ganray {report['software']}", kind)


def enlarged(pixels: Pixels) -> Pixels:
    """Small pictures a whole number of times larger, bicubic, so that a person can see them."""
    side = len(pixels) * max(1, ENLARGED // len(pixels))
    return np.asarray(resize(Image.fromarray(np.ascontiguousarray(pixels)), side, side))


def _score(name: str, value: float, floor: float) -> dict[str, str]:
    figure = FIGURES[name]
    return {
        "title": figure.title,
        "value": _number(name, value),
        "floor": _number(name, floor),
        "good": DIRECTIONS[figure.good],
        "meaning": figure.meaning,
    }


def _attribute(name: str, rows: Mapping[str, Mapping[str, Any]], pairs: Mapping[str, Pairs], made: Label) -> dict[str, Any]:
    """A table of values: as in the report, the worst first, those with pictures with a strip of pairs."""
    values = [
        {
            "value": value.strip() or "(none)",
            "generated": _share_of_value(row["generated"]),
            "photos": _share_of_value(row["photos"]),
            "verdict": VERDICTS[row["verdict"]],
            "worse": row["verdict"] == WORSE,
            "num": f"{row['num']:,}",
            "strip": _inline(strip(pairs[value], min(TILE, len(pairs[value][0][0]))), made) if value in pairs else "",
        }
        for value, row in list(rows.items())[:MOST_VALUES]
    ]
    return {"name": name, "values": values, "more": len(rows) - len(values)}


def _lines(row: Mapping[str, Any]) -> list[str]:
    """What a sheet says of a value below its name."""
    return [f"{percent(row['generated'])}, photos {percent(row['photos'])}", VERDICTS[row["verdict"]], f"{row['num']:,} of each"]


def _share_of_value(value: float | None) -> str:
    return "none" if value is None else _share(value)


def _pair(pair: Pair, made: Label) -> dict[str, str]:
    return {
        "image": _inline(enlarged(pair.image), made),
        "photo": _inline(enlarged(pair.photo)),
        "distance": f"{pair.distance:.2f}",
        "asked": pair.asked,
    }


def _facts(report: Mapping[str, Any]) -> dict[str, str]:
    model, catalog, extractor = report["model"], report["catalog"], report["extractor"]
    return {
        "Model": f"{model['url']}, sha256 {model['digest']}, after {model['num_images'] / 1000:,.1f} thousand images",
        "Catalog": f"{catalog['url']}, digest {catalog['digest']}, {catalog['num_images']:,} images",
        "Extractor": f"{extractor['url']}, sha256 {extractor['digest']}. Only reports with this digest and the same number compare.",
        "Copies": _copies(report),
        "Images": f"{report['num']:,} of each kind, {report['resolution']} x {report['resolution']} pixels, seed {report['seed']}",
    }


def _copies(report: Mapping[str, Any]) -> str:
    sought = f"sought among {_searched(report)} photos of the catalog"
    if "copies" not in report:  # of an earlier version
        return sought
    return f"{sought} by {report['copies']['method']}: {report['copies']['found']:,} images are one of them"


def _searched(report: Mapping[str, Any]) -> str:
    searched, has = report["searched"], report["catalog"]["num_images"]
    return f"all {has:,}" if searched == has else f"{searched:,} of the {has:,}"


def _number(name: str, value: float) -> str:
    return _share(value) if name in SHARES else f"{value:.2f}" if abs(value) >= 0.1 else f"{round(value, 3) + 0.0:.3f}"


def _share(value: float | None) -> str:
    return "not asked for" if value is None else f"{100 * value:.1f} %"


def _inline(pixels: Pixels, label: Label | None = None) -> str:
    data = encode_labelled(pixels, "png", label) if label else encode(pixels, "png")
    return data_url("image/png", data)
