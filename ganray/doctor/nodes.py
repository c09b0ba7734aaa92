"""The nodes of a cluster beside this machine: who does not answer, whose software or clock differs, and what they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ganray.doctor.clock import node_clock_findings
from ganray.doctor.finding import Finding, State, note, ok, problem
from ganray.doctor.machine import Examination
from ganray.doctor.software import disagreements

SAME = "Install the same on all hosts (or the same image)"
SHOWN = 6  # names of hosts in a line
PER_NODE = ("versions",)  # lines that the comparison says better


@dataclass(frozen=True)
class NodeAnswer:
    """What came from a node: its examination or why there is none, and how far its clock is ahead, with how much that may be wrong.

    `here` is the node that this process runs on, which is not asked again; `gpus` are those that Ray gives to work there.
    """

    node: str
    here: bool = False
    examination: Examination | None = None
    error: str = ""
    clock: tuple[float, float] | None = None
    gpus: float = 0.0


def cluster_findings(here: Examination, answers: Sequence[NodeAnswer]) -> list[Finding]:
    """The lines of a cluster: alike lines of several nodes are one, and lines without a remedy are left to the JSON."""
    others = [answer for answer in answers if not answer.here]
    seen = [answer for answer in others if answer.examination]
    return [
        *_unanswered(others),
        *_software(here, seen),
        *node_clock_findings({answer.node: answer.clock for answer in seen if answer.clock}),
        *_gpus(here, answers),
        *_of_nodes(seen),
        *_summaries(here, answers),
    ]


def _unanswered(others: Sequence[NodeAnswer]) -> list[Finding]:
    errors: dict[str, list[str]] = {}
    for answer in others:
        if answer.examination is None:
            errors.setdefault(answer.error, []).append(answer.node)
    return [problem("node", f"{_names(hosts)}: {error}", f"{SAME}, and look at its raylet's log") for error, hosts in errors.items()]


def _software(here: Examination, seen: Sequence[NodeAnswer]) -> list[Finding]:
    differing: dict[str, list[str]] = {}
    lacking: dict[str, list[str]] = {}
    for answer in seen:
        assert answer.examination is not None
        if differs := disagreements(here.versions, answer.examination.versions):
            differing.setdefault(", ".join(differs), []).append(answer.node)
        absent = [name for name, there in here.extras.items() if there and not answer.examination.extras.get(name)]
        if absent and answer.examination.extras:
            lacking.setdefault(", ".join(absent), []).append(answer.node)
    findings = [problem("versions", f"{_names(hosts)}: {text}", SAME) for text, hosts in differing.items()]
    findings += [note("extras", f"{_names(hosts)}: without {text}, which this machine has", SAME) for text, hosts in lacking.items()]
    if seen and not differing:
        findings.append(ok("versions", f"the same on {len(seen)} other node(s) as here"))
    return findings


def _gpus(here: Examination, answers: Sequence[NodeAnswer]) -> list[Finding]:
    """GPUs that a node has and Ray does not know of, or the other way round (a GPU that was lost, or `--num-gpus` by hand)."""
    different: dict[str, list[str]] = {}
    for answer in answers:
        has = here if answer.here else answer.examination
        if has and has.gpus > answer.gpus:
            different.setdefault(f"Ray uses {answer.gpus:g} of {has.gpus} GPUs", []).append(answer.node)
        elif has and has.gpus < answer.gpus:
            different.setdefault(f"Ray counts {answer.gpus:g} GPUs, the driver {has.gpus}", []).append(answer.node)
    remedy = "Start Ray there again, without --num-gpus (it counts them itself)"
    return [note("Ray's GPUs", f"{_names(hosts)}: {text}", remedy) for text, hosts in different.items()]


def _of_nodes(seen: Sequence[NodeAnswer]) -> list[Finding]:
    hosts: dict[Finding, list[str]] = {}
    for answer in seen:
        assert answer.examination is not None
        for finding in answer.examination.findings:
            if finding.state is not State.OK and finding.name not in PER_NODE:
                hosts.setdefault(finding, []).append(answer.node)
    return [replace(finding, text=f"{_names(names)}: {finding.text}") for finding, names in hosts.items()]


def _summaries(here: Examination, answers: Sequence[NodeAnswer]) -> list[Finding]:
    kinds: dict[str, list[str]] = {}
    for answer in answers:
        examination = here if answer.here else answer.examination
        if examination:
            kinds.setdefault(examination.summary, []).append(f"{answer.node}{' (this machine)' if answer.here else ''}")
    return [ok("nodes" if len(hosts) > 1 else "node", f"{_names(hosts)}: {summary}") for summary, hosts in kinds.items()]


def _names(hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - SHOWN:,} more" if len(hosts) > SHOWN else ""
    return ", ".join(hosts[:SHOWN]) + more
