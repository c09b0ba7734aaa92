"""How many threads each of several engines gets on CPU."""

from __future__ import annotations

import ray

from ganray.on_ray.cluster import Resources, require_cpus


def engine_threads(wanted: int, engines: int, spare: int, resources: Resources, what: str) -> int:
    """`wanted`, or where that is 0 an equal share of the cluster's CPUs but `spare`, and no more than the largest node has.

    Raises ClusterError where that many engines do not fit.
    """
    largest = max(int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"])
    threads = wanted or max(1, min(largest - spare, (int(resources.cpus) - spare) // engines))
    require_cpus(engines * threads, resources, f"{what} with {engines} engine(s) of {threads} thread(s)")
    return threads
