"""What Ray's public API does not tell of a cluster: what each node has left, and whether something starts nodes.

Apart from ray_internals.py, whose imports (Ray Data, Ray Train) cost a bulk job a CPU second. Each hook has a test that says it is there.
"""

from __future__ import annotations

import json
import time
from importlib import import_module
from typing import Any

import ray
from ray._private.ray_constants import DEBUG_AUTOSCALING_STATUS
from ray._private.state import available_resources_per_node
from ray.autoscaler._private.util import format_readonly_node_type
from ray.experimental.internal_kv import _internal_kv_get

from ganray.execution.port import Node

REPORT_LIMIT_S = 15.0  # for the first report of a head that has just started; every head reports, also one without an autoscaler
POLL_S = 0.5


def free_nodes() -> list[Node]:
    """What each living node has left, a moment ago."""
    labels = {node["NodeID"]: node["Labels"] for node in ray.nodes() if node["Alive"]}
    free = available_resources_per_node()
    return [Node(has.get("CPU", 0.0), has.get("GPU", 0.0), labels[name]) for name, has in free.items() if name in labels]


def autoscaler_runs() -> bool:
    """Whether something starts nodes in this cluster when work waits for them: Ray's launcher, or KubeRay's autoscaler."""
    deadline = time.monotonic() + REPORT_LIMIT_S
    while (found := reported_autoscaler()) is None and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return bool(found)


def reported_autoscaler() -> bool | None:
    """`autoscaler_runs` without waiting: None where the monitor of the head has reported nothing yet.

    Where nodes are only watched, each is a type of its own, by the first version of the monitor, and of no type by the second.
    """
    status = _internal_kv_get(DEBUG_AUTOSCALING_STATUS)
    types = ((json.loads(status).get("autoscaler_report") or {}) if status else {}).get("node_type_mapping")
    if types:
        return any(kind != format_readonly_node_type(name) for name, kind in types.items())
    reply: Any = import_module("ray.core.generated.autoscaler_pb2").GetClusterStatusReply()
    gcs: Any = import_module("ray._raylet").GcsClient(ray.get_runtime_context().gcs_address)
    reply.ParseFromString(gcs.get_cluster_status(timeout_s=10))
    if not reply.autoscaling_state.autoscaler_state_version:
        return None
    return any(node.ray_node_type_name for node in reply.cluster_resource_state.node_states)
