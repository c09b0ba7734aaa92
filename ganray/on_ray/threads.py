"""How many threads each of several engines gets on CPU."""

from __future__ import annotations

from ganray.on_ray.cluster import Resources, require_cpus, require_node


def engine_threads(wanted: int, engines: int, spare: int, resources: Resources, what: str) -> int:
    """`wanted`, or where that is 0 an equal share of all CPUs but `spare`, which other work needs.

    Raises ClusterError where that many engines do not fit beside the spare ones, or one of them in no node.
    """
    fitting = min(int(resources.node_cpus), int(resources.cpus)) - spare
    threads = wanted or max(1, min(fitting, (int(resources.cpus) - spare) // engines))
    require_node(threads, resources, f"{what} with {threads} thread(s)")
    require_cpus(engines * threads + spare, resources, f"{what} with {engines} engine(s) of {threads} thread(s)")
    return threads
