"""Who gets GPUs: a plan from what is asked for and what is there, and one line for a person who has GPUs and does not get them.

| `--gpu` | GPUs there | what happens | what is said |
|---|---|---|---|
| no word of it | enough for all workers | they take them | nothing; of training on several nodes, that it is on several |
| | some, but too few | all run on CPUs | how many there are, and what would use them |
| | none; an autoscaler runs | all run on CPUs | that `--gpu` asks for some |
| | none | all run on CPUs | nothing |
| `--gpu` | enough | they take them | as above |
| | too few; an autoscaler runs | it is asked for the others | how many are there |
| | too few | ClusterError | how many there are, and what would use them |
| `--no-gpu` | any | all run on CPUs | nothing |
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from ganray.errors import ClusterError
from ganray.execution.labels import with_labels
from ganray.execution.port import Node, Resources

KIND = "ray.io/accelerator-type"  # Ray's label of a node with GPUs, such as L4, A100 or GeForce-RTX-5090
ROUNDING = 1e-6  # three shares of a third are a whole


@dataclass(frozen=True)
class GpuDemand:
    """`num` workers of a verb, each with `share` of a GPU. `wanted` is the field `gpu`: None leaves it to what is there.

    `unit` is the option that says how many, empty where there is always one. Workers that are `together` wait for each other's gradients.
    """

    verb: str
    wanted: bool | None
    num: int = 1
    unit: str = ""
    share: float = 1.0
    together: bool = False


@dataclass(frozen=True)
class GpuPlan:
    """Whether workers take GPUs, and what a person is told of it; empty where it is as expected."""

    use: bool
    said: str = ""


def plan_gpus(demand: GpuDemand, resources: Resources) -> GpuPlan:
    """The table above. Raises ClusterError where GPUs are asked for, too few are there, and nothing brings more."""
    if demand.wanted is False:
        return GpuPlan(False)
    fitting = workers_on_gpus(resources, demand.share)
    if fitting >= demand.num:
        return GpuPlan(True, _togetherness(demand, resources))
    there = _gpus(resources)
    fewer = f"--{demand.unit} {fitting}" if fitting and demand.unit else ""
    if demand.wanted:
        if resources.grows():
            now = f"{resources.gpus:g} of {demand.num * demand.share:g} GPUs are there now"
            return GpuPlan(True, f"{demand.verb}: {now}: the autoscaler is asked for the others")
        remedy = ", ".join(part for part in (fewer, "--no-gpu") if part)
        raise ClusterError(
            f"gpu: {demand.num * demand.share:g} GPU(s) asked for, the cluster has {resources.gpus:g}",
            f"Use {remedy}, or a cluster with {'more ' if fitting else ''}GPUs",
        )
    return GpuPlan(False, _on_cpus(demand, resources, there, fewer))


def _on_cpus(demand: GpuDemand, resources: Resources, there: str, fewer: str) -> str:
    """What is said where nobody asked for GPUs, and there are too few."""
    if resources.gpus:
        asked = f"{demand.num} {demand.unit or 'worker'}"
        remedies = [fewer] * bool(fewer) + ["--gpu to wait for more"] * resources.grows()
        use = f"; use {', or '.join(remedies)}" if remedies else ""
        return f"{demand.verb}: {there} there, too few for {asked}: all of it runs on CPUs{use}"
    if resources.joined and resources.grows():
        return f"{demand.verb}: no GPU is there now: all of it runs on CPUs; --gpu asks the cluster's autoscaler for GPUs"
    return ""


def announce_gpus(demand: GpuDemand, resources: Resources) -> bool:
    """Whether workers take GPUs; what the plan says goes to stderr. Raises as `plan_gpus` does."""
    plan = plan_gpus(demand, resources)
    if plan.said:
        _say(plan.said)
    return plan.use


def announce_cpus_alone(verb: str, resources: Resources) -> None:
    """One line on stderr where there are GPUs, of a verb that has no use for them."""
    if resources.gpus:
        _say(f"{verb}: runs on CPUs alone, so that its results do not depend on GPUs; {_gpus(resources)} there")


def workers_on_gpus(resources: Resources, share: float = 1.0) -> int:
    """How many workers with `share` of a GPU have room: no share lies on two GPUs, and no GPU on two nodes."""
    nodes = resources.nodes or (Node(resources.cpus, resources.gpus),)
    return sum(_room(node, share) for node in nodes)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _gpus(resources: Resources) -> str:
    kind = ", ".join(gpus_by_kind(resources))
    return f"{resources.gpus:g} GPU{'' if resources.gpus == 1 else 's'}" + (f" ({kind})" if kind else "")


def _room(node: Node, share: float) -> int:
    whole = int(node.gpus)
    return whole * int(1 / share + ROUNDING) + int((node.gpus - whole) / share + ROUNDING)


def gpus_by_kind(resources: Resources) -> dict[str, float]:
    """The GPUs of each kind that nodes name, most first; of nodes without the label under an empty name."""
    kinds: dict[str, float] = {}
    for node in resources.nodes:
        if node.gpus:
            kind = node.labels.get(KIND, "")
            kinds[kind] = kinds.get(kind, 0.0) + node.gpus
    return dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0])))


def announce_gpus_of_kind(
    demand: GpuDemand, resources: Resources, labels: Mapping[str, str], drawn_by: str = ""
) -> tuple[bool, dict[str, str]]:
    """`announce_gpus` for workers that draw pictures, and the labels of the nodes that they are to have.

    Where the nodes of `labels` have GPUs of several kinds, the label of one kind is added, as another one draws other bits: that in
    `drawn_by` (the device of a job that goes on), else the one with the most GPUs. A line on stderr says which.

    Raises as `plan_gpus` does, and ClusterError where no node has `labels`.
    """
    own = with_labels(resources, labels)
    kind = "" if demand.wanted is False else _one_of_several(own, labels, drawn_by)
    pinned = {**labels, KIND: kind} if kind else dict(labels)
    if not announce_gpus(demand, with_labels(resources, pinned)):
        return False, dict(labels)
    if kind:
        kinds = _listed(gpus_by_kind(own))
        _say(f"{demand.verb}: GPUs of several kinds are there ({kinds}): {kind} alone is used, as pictures differ by kind")
    return True, pinned


def _one_of_several(own: Resources, labels: Mapping[str, str], drawn_by: str) -> str:
    """The kind to use where there are several; empty where there are not, or the labels say which."""
    kinds = gpus_by_kind(own)
    named = [kind for kind in kinds if kind]
    if len(kinds) < 2 or not named or KIND in labels:
        return ""
    return next((kind for kind in named if _is_of_kind(drawn_by, kind)), named[0])


def _is_of_kind(device: str, kind: str) -> bool:
    """Whether the name that CUDA gives a device has all words of the label that Ray made of such a name."""
    return set(kind.split("-")) <= set(device.partition("(")[0].replace("-", " ").split())


def _listed(kinds: Mapping[str, float]) -> str:
    return ", ".join(f"{num:g} {kind or 'without a label'}" for kind, num in kinds.items())


def _togetherness(demand: GpuDemand, resources: Resources) -> str:
    """What is said of workers that wait for each other, where they cannot have the GPUs of one node, or may have unlike ones."""
    if not demand.together or demand.num < 2:
        return ""
    said = []
    rooms = sorted((_room(node, demand.share) for node in resources.nodes), reverse=True)
    nodes = next((count for count in range(1, len(rooms) + 1) if sum(rooms[:count]) >= demand.num), 1)
    if nodes > 1:
        said.append(f"{demand.num} {demand.unit} on GPUs of {nodes} nodes: their gradients go over the network")
    kinds = gpus_by_kind(resources)
    if len(kinds) > 1:
        said.append(f"GPUs of several kinds are there ({_listed(kinds)}): a step takes as long as on the slowest")
    return f"{demand.verb}: {'; '.join(said)}" if said else ""
