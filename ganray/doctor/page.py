"""The page: a section for this machine and one for its cluster, the worst lines first, each remedy under its line."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ganray.doctor.finding import Finding, State
from ganray.doctor.machine import Examination
from ganray.doctor.nodes import NodeAnswer

WIDTH = 140
STATE_WIDTH = len(State.PROBLEM.word)


@dataclass(frozen=True)
class Diagnosis:
    """What was found: on this machine, in its store, and in its cluster (its nodes' own examinations are in the JSON alone)."""

    version: str
    time: str
    here: Examination
    store: tuple[Finding, ...] = ()
    cluster: tuple[Finding, ...] = ()
    nodes: tuple[NodeAnswer, ...] = ()
    place: str = ""
    json: bool = field(default=False, compare=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every line of the page."""
        return (*self.here.findings, *self.store, *self.cluster)

    @property
    def counts(self) -> Counter[State]:
        """The lines by state."""
        return Counter(finding.state for finding in self.findings)


def render_text(diagnosis: Diagnosis) -> str:
    """For a terminal."""
    width = max(len(finding.name) for finding in diagnosis.findings)
    head = f"ganray {diagnosis.version} doctor, {diagnosis.here.host}, {diagnosis.time}: {_verdict(diagnosis.counts)}"
    lines = [head, "", "this machine", *_section((*diagnosis.here.findings, *diagnosis.store), width)]
    lines += ["", diagnosis.place or "cluster", *_section(diagnosis.cluster, width)]
    return "\n".join(lines)


def _verdict(counts: Counter[State]) -> str:
    problems, notes = counts[State.PROBLEM], counts[State.NOTE]
    text = f"{problems} PROBLEM{'' if problems == 1 else 'S'}" if problems else "no problem"
    return f"{text}, {notes} note{'' if notes == 1 else 's'}" if notes else text


def _section(findings: Sequence[Finding], width: int) -> list[str]:
    lines = []
    for finding in sorted(findings, key=lambda each: -each.state):
        label = f"  {finding.state.word:<{STATE_WIDTH}}  {finding.name:<{width}}  "
        space = " " * len(label)
        lines += textwrap.wrap(finding.text, WIDTH, initial_indent=label, subsequent_indent=space, break_on_hyphens=False)
        if finding.remedy:
            lines += textwrap.wrap(
                f"-> {finding.remedy}", WIDTH, initial_indent=space, subsequent_indent=f"{space}   ", break_on_hyphens=False
            )
    return lines


def render_json(diagnosis: Diagnosis) -> str:
    """For programs: one object, with every node's own lines."""
    counts = diagnosis.counts
    nodes = [
        {"node": answer.node, "here": answer.here, "error": answer.error, "clock_s": round(answer.clock[0], 3) if answer.clock else None}
        | (_machine(answer.examination) if answer.examination else {})
        for answer in diagnosis.nodes
    ]
    facts = {
        "format": 1,
        "software": diagnosis.version,
        "time": diagnosis.time,
        "problems": counts[State.PROBLEM],
        "notes": counts[State.NOTE],
        "machine": _machine(diagnosis.here),
        "store": _lines(diagnosis.store),
        "cluster": {"place": diagnosis.place, "findings": _lines(diagnosis.cluster), "nodes": nodes},
    }
    return json.dumps(facts, indent=1, ensure_ascii=False)


def _machine(examination: Examination) -> dict[str, object]:
    return {
        "host": examination.host,
        "summary": examination.summary,
        "versions": examination.versions,
        "extras": examination.extras,
        "findings": _lines(examination.findings),
    }


def _lines(findings: Sequence[Finding]) -> list[dict[str, str]]:
    return [{"name": each.name, "state": each.state.word, "text": each.text, "remedy": each.remedy} for each in findings]
