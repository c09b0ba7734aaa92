"""The report of many pictures as one self-contained page: what fails first, with what was found and which edits mend it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from ganray.profiles.report import Finding, Report

TEMPLATE = Path(__file__).with_name("page.html")


class Row(NamedTuple):
    """A picture on the page; `thumbnail` is a JPEG, empty for what cannot be read, `mend` the chain of edits that would mend it."""

    name: str
    report: Report
    mend: list[str]
    thumbnail: bytes


def render_page(summary: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """HTML; `summary` is the head of report.json (`verbs/check.py`), `rows` come in the order they are shown in."""
    counts = summary["counts"]
    images, failed = counts.get("images", 0), counts.get("failed", 0)
    shown = f"All {images:,} pictures" if len(rows) == images else f"{len(rows):,} of {images:,} pictures, the others are in report.json"
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(f"{summary['images']} against {summary['profile']}"),
        verdict=f"{failed:,} of {images:,} fail" if failed else f"All {images:,} pass",
        tone="bad" if failed else "good",
        mendable=f"Edits would mend {counts.get('mendable', 0):,} of them." if failed else "",
        rules=_rules(summary),
        source=_source(summary),
        by_eye="".join(f"<li>{escape(line)}</li>" for line in summary["by_eye"]),
        shown=shown,
        pictures="".join(map(_picture, rows)),
    )


def _rules(summary: Mapping[str, Any]) -> str:
    rows = [(rule, count, "fail") for rule, count in summary["fails"].items()]
    rows += [(rule, count, "advice") for rule, count in summary["advice"].items()]
    return "".join(f"<tr class={kind}><th>{escape(rule)}</th><td>{count:,}</td><td>{kind}</td></tr>" for rule, count, kind in rows)


def _source(summary: Mapping[str, Any]) -> str:
    sure = "" if summary["evidence"] == "read" else " It was read at second hand: confirm it in the market's console."
    link = escape(summary["source"], quote=True)
    where = f'<a href="{link}">{link}</a>' if link.startswith("https://") else link
    kind = f" for {escape(summary['kind'])}" if summary["kind"] else ""
    return f"Rules of {escape(summary['profile'])}, version {summary['version']}, as of {summary['day']}{kind}. Source: {where}.{sure}"


def _picture(row: Row) -> str:
    report = row.report
    image = (
        f'<img src="data:image/jpeg;base64,{base64.b64encode(row.thumbnail).decode()}" alt="">' if row.thumbnail else "<i>no picture</i>"
    )
    size = f"{report.width:,} x {report.height:,}" if report.width else ""
    lines = "".join(map(_finding, (*report.failed, *report.advice)))
    mend = f"<p class=mend>{escape(' → '.join(row.mend))}</p>" if row.mend else ""
    tone = "pass" if report.passed else "fail"
    return (
        f"<article class={tone}><div class=thumb>{image}</div><div><h3>{escape(row.name)}</h3><p>{tone}{', ' if size else ''}{size}</p>"
        f"<ul>{lines}</ul>{mend}</div></article>"
    )


def _finding(finding: Finding) -> str:
    tone = "fail" if finding.level == "must" and finding.since is None else "advice"
    since = f" (from {finding.since})" if finding.since else ""
    return f"<li class={tone}><b>{escape(finding.rule)}</b>{since}: {escape(finding.found)}; wanted {escape(finding.wanted)}</li>"
