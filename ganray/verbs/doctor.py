"""The verb `doctor`: one page on this machine, on every node of a cluster that is joined, and on a store; each line ok or with its remedy.

It starts no cluster, needs no Ray, and makes no CUDA context.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial

from ganray import __version__
from ganray.config import DoctorConfig, RayConfig
from ganray.doctor.finding import Finding, State, ok, problem
from ganray.doctor.machine import Examination, examine
from ganray.doctor.nodes import NodeAnswer, cluster_findings
from ganray.doctor.page import Diagnosis, render_json, render_text
from ganray.doctor.software import RAY_REMEDY
from ganray.doctor.stores import Probe, probed
from ganray.errors import ClusterError, ConfigError
from ganray.execution.choice import joins_cluster

ASK_NODES = "ganray.on_ray.nodes", "ask_nodes"
AskNodes = Callable[[RayConfig, Callable[[], Examination]], list[NodeAnswer]]


def doctor(config: DoctorConfig) -> Diagnosis:
    """Look at everything; whatever fails is a line. Raises ConfigError for executor = ray without a cluster's address."""
    joins = config.executor != "local" and joins_cluster(config.ray)
    if config.executor == "ray" and not joins:
        raise ConfigError("executor = ray, and no cluster is given: doctor starts none", "Give --ray.address or RAY_ADDRESS")
    here = examine()
    answers: list[NodeAnswer] = []
    with ExitStack() as stack:
        probe, store = stack.enter_context(probed(config.store)) if config.store else (None, [])
        cluster = _look_at_cluster(config, here, probe, answers) if joins else [_no_cluster(config)]
    where = config.ray.address or os.environ.get("RAY_ADDRESS", "the job's own")
    return Diagnosis(
        __version__,
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        here,
        tuple(store),
        tuple(cluster),
        tuple(answers),
        f"cluster at {where}, {len(answers)} node(s)" if answers else "",
        json=config.json_lines,
    )


def show(diagnosis: Diagnosis) -> str:
    """The page, or the JSON."""
    return render_json(diagnosis) if diagnosis.json else render_text(diagnosis)


def exit_code(diagnosis: Diagnosis) -> int:
    """0 without problems, 1 with."""
    return 1 if diagnosis.counts[State.PROBLEM] else 0


def _no_cluster(config: DoctorConfig) -> Finding:
    if config.executor == "local":
        return ok("cluster", "not looked at: --executor local")
    return ok("cluster", "none is given (--ray.address or RAY_ADDRESS), so this machine alone was looked at")


def _look_at_cluster(config: DoctorConfig, here: Examination, probe: Probe | None, answers: list[NodeAnswer]) -> list[Finding]:
    """The lines of the cluster; what its nodes answered is added to `answers`."""
    module, name = ASK_NODES
    try:
        ask: AskNodes = getattr(importlib.import_module(module), name)
    except ImportError as error:
        return [problem("cluster", f"Ray cannot be imported: {error}", RAY_REMEDY)]
    try:
        answers += ask(config.ray, partial(examine, probe, on_node=True))
    except ClusterError as error:
        return [problem("cluster", error.message, error.remedy)]
    return cluster_findings(here, answers)
