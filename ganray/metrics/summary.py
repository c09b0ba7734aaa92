"""A report in one line that a person understands: how many values are recognised as photos are, the weakest, coverage, copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganray.metrics.recognition import AS_PHOTOS, WORSE

MOST_ATTRIBUTES, MOST_CHARACTERS = 3, 40


def summary(report: Mapping[str, Any]) -> str:
    """The line of a report (`verbs/evaluate.py` says what is in it); one without attributes has the distance in place of values."""
    asked = {name: row["values"] for name, row in report["accuracy"].items() if row["generated"] is not None}
    judged = {name: values for name, values in asked.items() if _count(values, WORSE, AS_PHOTOS)}
    parts = [_recognised(judged)] if judged else []
    if asked and not judged:
        parts.append(f"no value of {_names(asked)} can be judged: there are too few photos, or they are not told apart either")
    if not judged:
        parts.append(
            f"Frechet distance {_number(report['scores']['frechet'])} against {_number(report['floors']['frechet'])} of held-out photos"
        )
    if weakest := _weakest(judged):
        parts.append(f"weakest: {weakest}")
    parts.append(f"coverage {percent(report['scores']['coverage'])} against {percent(report['floors']['coverage'])}")
    if found := report["copies"]["found"]:
        parts.append(f"{found:,} of {report['num']:,} images {'is a copy' if found == 1 else 'are copies'} of a photo")
    return "; ".join(parts)


def shown(value: str) -> str:
    """A value of the catalog in a line: without line breaks, cut where it is long."""
    text = " ".join(value.split()) or "(none)"
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def percent(share: float) -> str:
    """A share from 0 to 1 in whole percent."""
    return f"{100 * share:.0f} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _recognised(judged: Mapping[str, Mapping[str, Any]]) -> str:
    first, *others = list(judged)[:MOST_ATTRIBUTES]
    good, num, total = _count(judged[first], AS_PHOTOS), _count(judged[first], WORSE, AS_PHOTOS), len(judged[first])
    if num == 1:
        line = f"the only value of {shown(first)} that can be judged is {'' if good else 'not '}recognised as well as photos are"
    else:
        of = f"of {num} values of {shown(first)}" if num == total else f"of the {num} values of {shown(first)} that can be judged"
        line = f"{good} {of} {'is' if good == 1 else 'are'} recognised as well as photos are"
    for name in others:
        line += f", {_count(judged[name], AS_PHOTOS)} of {_count(judged[name], WORSE, AS_PHOTOS)} of {shown(name)}"
    return line


def _weakest(judged: Mapping[str, Mapping[str, Any]]) -> str:
    worse = [
        (row["generated"] - row["photos"], name, value, row)
        for name, values in judged.items()
        for value, row in values.items()
        if row["verdict"] == WORSE
    ]
    if not worse:
        return ""
    _, name, value, row = min(worse, key=lambda each: each[0])
    attribute = f"{shown(name)}, " if len(judged) > 1 else ""
    return f"{shown(value)} ({attribute}{percent(row['generated'])} against {percent(row['photos'])})"


def _names(asked: Mapping[str, Any]) -> str:
    return " or ".join(shown(name) for name in list(asked)[:MOST_ATTRIBUTES])


def _count(values: Mapping[str, Any], *verdicts: str) -> int:
    return sum(row["verdict"] in verdicts for row in values.values())
