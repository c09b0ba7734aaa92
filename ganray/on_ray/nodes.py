"""Ask each node of a cluster something, by an actor that takes none of its CPUs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ganray.config import RayConfig
from ganray.doctor.machine import Examination
from ganray.doctor.nodes import NodeAnswer
from ganray.on_ray.cluster import connect

LIMIT_S = 180.0  # for all nodes: a worker process starts, torch is imported, a store is waited for


class NodeAgent:
    """Runs on a node."""

    def call(self, task: Callable[[], Examination]) -> Examination:
        """What the task gives there."""
        return task()

    def now(self) -> float:
        """The node's time."""
        return time.time()


def ask_nodes(config: RayConfig, task: Callable[[], Examination]) -> list[NodeAnswer]:
    """What `task` gives on each node that is alive, but the one of this process. Raises ClusterError where the cluster cannot be joined."""
    connect(config)
    here = ray.get_runtime_context().get_node_id()
    nodes = [node for node in ray.nodes() if node["Alive"]]
    agents, running = {}, {}
    for node in nodes:
        if node["NodeID"] != here:
            placed = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            agents[node["NodeID"]] = agent = ray.remote(NodeAgent).options(num_cpus=0, scheduling_strategy=placed).remote()
            running[node["NodeID"]] = agent.call.remote(task)  # type: ignore[attr-defined]
    if running:
        ray.wait(list(running.values()), num_returns=len(running), timeout=LIMIT_S)
    answers = []
    for node in nodes:
        name = f"{node['NodeManagerHostname']} {node['NodeManagerAddress']}"
        answer = NodeAnswer(name, here=True) if node["NodeID"] == here else _answer(name, agents[node["NodeID"]], running[node["NodeID"]])
        answers.append(replace(answer, gpus=node["Resources"].get("GPU", 0.0)))
    return answers


def _answer(name: str, agent: Any, running: Any) -> NodeAnswer:
    try:
        examination = ray.get(running, timeout=0.1)
        sent = time.time()
        told = ray.get(agent.now.remote(), timeout=10)
        received = time.time()
    except TimeoutError:
        return NodeAnswer(name, error=f"no answer in {LIMIT_S:g} s")
    except RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return NodeAnswer(name, error=f"ganray doctor does not run there: {lines[-1][:200]}")
    return NodeAnswer(name, examination=examination, clock=(told - (sent + received) / 2, (received - sent) / 2))
