"""An evaluation's figures on the model's card, between two marks: the rest of the card may have been edited, and stays."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from ganray.errors import ObjectNotFound, StorageError
from ganray.metrics import FIGURES
from ganray.storage import Store

CARD = "README.md"
BEGIN, END = "<!-- evaluation: begin -->", "<!-- evaluation: end -->"
PLACE = f"{BEGIN}\nNot evaluated yet: `ganray evaluate --model ... --catalog ...` puts its figures here.\n{END}"


def put_on_card(store: Store, report: Mapping[str, Any]) -> str:
    """Put an evaluation's figures on the card of the model folder; says what came of it, and raises nothing: the report has them too."""
    try:
        card = store.get(CARD).decode(errors="surrogateescape")
        before, begin, rest = card.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not begin or not end:
            return f"{store.url_of(CARD)} has no place for the figures: put {BEGIN} and {END} where you want them"
        store.put(CARD, f"{before}{BEGIN}\n{evaluation(report)}\n{END}{after}".encode(errors="surrogateescape"))
    except ObjectNotFound:
        return f"{store.url} has no {CARD} to put the figures on"
    except StorageError as error:
        return f"the figures are not on the model's card: {error}"
    return f"the figures are on {store.url_of(CARD)}"


def evaluation(report: Mapping[str, Any]) -> str:
    """A report of `ganray evaluate` as Markdown: each figure beside its floor, and what it means."""
    scores, floors = report["scores"], report["floors"]
    known = [(FIGURES[name], value, floors[name]) for name, value in scores.items() if name in FIGURES]
    asked = [(name, values) for name, values in report["accuracy"].items() if values["generated"] is not None]
    line = report.get("summary", "")  # reports of earlier versions have none
    lines = [
        *([f"**{escape_markdown(line[:1].upper() + line[1:])}.**", ""] if line else []),
        f"{report['num']:,} generated images against as many photos of the catalog, beside what as many held-out photos score in their "
        f"place, the floor. Copies were sought among {report['searched']:,} of {report['catalog']['num_images']:,} photos.",
        "",
        f"Model `{report['model']['digest'][:16]}`, catalog `{report['catalog']['digest'][:23]}`, extractor "
        f"`{report['extractor']['digest'][:16]}`: only figures of the same extractor and number of images compare.",
        "",
        "| figure | model | held-out photos | good is | |",
        "|---|---|---|---|---|",
        *(f"| {figure.title} | {value:.4g} | {floor:.4g} | {figure.good} | {figure.meaning} |" for figure, value, floor in known),
    ]
    if asked:
        lines += ["", "| recognised as asked for | model | held-out photos |", "|---|---|---|"]
        lines += [f"| {escape_markdown(name)} | {values['generated']:.1%} | {values['photos']:.1%} |" for name, values in asked]
    return "\n".join(lines)


def escape_markdown(text: str) -> str:
    """Text of users as it is: nothing in it is Markdown or HTML."""
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", html.escape(" ".join(text.split()), quote=False))
