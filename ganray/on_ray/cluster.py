"""Join or start a Ray cluster, and say what it has."""

from __future__ import annotations

import logging
import os
import socket
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import AuthenticationError

from ganray.config import RayConfig
from ganray.errors import ClusterError
from ganray.execution.address import check_address
from ganray.execution.choice import joins_cluster
from ganray.execution.port import Node, Resources
from ganray.execution.resources import cores
from ganray.execution.session_folder import session_folder
from ganray.on_ray.cluster_internals import autoscaler_runs

# Read by Ray's own processes, so they must be set before the cluster starts (RAY_* of the driver are copied to workers).
ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",  # spinning barriers on shared cores are up to 27x slower
    "RAY_AUTH_MODE": "disabled",  # for a cluster started here, on loopback; an explicit value wins
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # Ray's default is 15: whatever else runs on the machine would starve the workers
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # the poll that also drains ray.train.report
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "60",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # a cluster started here ends with its machine; what tells of that is a signal
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    # A replica that is late is not a dead one: Ray's values send its requests the slow way, after which it is later still.
    "RAY_SERVE_HAPROXY_HEALTH_CHECK_FALL": "4",
    "RAY_SERVE_HAPROXY_HEALTH_CHECK_FASTINTER": "1s",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0.5",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",  # Ray's 5 s kill a proxy that starts on a busy machine
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
}


START_TRIES = 3
VERSION_REMEDY = "Install the versions of Ray and Python that the cluster has, or the same image"

# Serve's proxy binds these ports whether anybody asks or not: two clusters on a machine must not have the same.
PROXY_PORTS = ("RAY_SERVE_HAPROXY_STATS_PORT", "RAY_SERVE_HAPROXY_METRICS_PORT")


def connect(config: RayConfig) -> Resources:
    """Join `config.address`, the cluster this process already belongs to, or start one here; idempotent.

    Raises ClusterError when the address does not answer.
    """
    if not ray.is_initialized():
        _start(config)
    total = ray.cluster_resources()
    alive = [(node["Resources"], node["Labels"]) for node in ray.nodes() if node["Alive"]]
    nodes = tuple(Node(has.get("CPU", 0.0), has.get("GPU", 0.0), labels) for has, labels in alive)
    largest = max((node.cpus for node in nodes), default=0.0)
    found = Resources(total.get("CPU", 0.0), total.get("GPU", 0.0), largest, nodes=nodes)
    if joins_cluster(config):
        return replace(found, joined=True, grows=autoscaler_runs)
    # The CPU beyond the cores is for data, not for threads.
    return replace(found, node_cpus=min(largest, config.num_cpus or float(cores())))


def _start(config: RayConfig) -> None:
    here = not joins_cluster(config)
    if here:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        for name in PROXY_PORTS:
            os.environ.setdefault(name, str(_free_port()))
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    options: dict[str, Any] = {}
    if here:
        # One logical CPU beyond the cores keeps Ray Data alive beside a Train worker on the smallest machine.
        options = {"num_cpus": config.num_cpus or cores() + 1, "include_dashboard": False, "_temp_dir": session_folder()}
    elif named := config.address or os.environ.get("RAY_ADDRESS", ""):
        check_address(named)
    address = "local" if here else config.address or None  # None would join whatever somebody started on this machine by `ray start`
    try:
        _init(address, options)
    except (OSError, RuntimeError, ValueError, AuthenticationError) as error:  # of a connection, too
        where = config.address or os.environ.get("RAY_ADDRESS", "this machine")
        remedy = VERSION_REMEDY if "Version mismatch" in str(error) else "Start a cluster with `ray start --head`, or leave it empty"
        raise ClusterError(f"ray.address {where}: {error}", remedy) from error


def _init(address: str | None, options: dict[str, Any]) -> None:
    """`ray.init`, again where a machine is so busy that Ray's own 30 s are too short for its processes to start. Raises RuntimeError where
    they were too short START_TRIES times."""
    for last in (*[False] * (START_TRIES - 1), True):
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
            return
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise
            ray.shutdown()
            if last:
                raise RuntimeError(f"this machine is too busy to start a cluster: {error}") from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
