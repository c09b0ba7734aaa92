"""The report of many pictures as one self-contained page: what fails first, with what was found and which edits mend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ganray.pages import data_url, render
from ganray.profiles.report import Finding, Report


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
    return render(
        "check.html",
        title=f"{summary['images']} against {summary['profile']}",
        failed=failed,
        verdict=f"{failed:,} of {images:,} fail" if failed else f"All {images:,} pass",
        mendable=f"{counts.get('mendable', 0):,}",
        rules={name: summary[name] for name in ("profile", "version", "day", "kind", "source")}
        | {"second_hand": summary["evidence"] != "read"},
        counts=[
            {"rule": rule, "num": f"{num:,}", "level": level}
            for level, by_rule in (("fail", summary["fails"]), ("advice", summary["advice"]), ("not checked", summary["not_checked"]))
            for rule, num in by_rule.items()
        ],
        by_eye=summary["by_eye"],
        shown=shown,
        pictures=list(map(_picture, rows)),
    )


def _picture(row: Row) -> dict[str, Any]:
    report = row.report
    return {
        "name": row.name,
        "level": "pass" if report.passed else "fail",
        "thumbnail": data_url("image/jpeg", row.thumbnail) if row.thumbnail else "",
        "size": f"{report.width:,} x {report.height:,}" if report.width else "",
        "findings": list(map(_finding, (*report.failed, *report.advice))),
        "unchecked": ", ".join(f"{finding.rule} ({finding.found})" for finding in report.unchecked),
        "mend": " → ".join(row.mend),
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "level": "fail" if finding.level == "must" and finding.since is None else "advice",
        "rule": finding.rule,
        "since": str(finding.since or ""),
        "found": finding.found,
        "wanted": finding.wanted,
        "mend": finding.mend,
    }
