"""The numbers of a replica in Ray's own Prometheus exporter, which has those of all replicas.

All are gauges of the value that they have, counters and buckets too. A gauge of Ray's vanishes 20 s after its process; a counter would
stay in the node's agent for ever, with each replica that an upgrade has ended. And a gauge loses nothing where a report is lost. Ray's own
histograms know only the middles of their buckets. `rate` and `histogram_quantile` ask for names, not for types.
"""

from __future__ import annotations

from ray.util.metrics import Gauge

from ganray.serving.metrics import Number

OWN_TAGS = ("application", "replica")


class RayGauges:
    """A sink of a server's numbers: `ganray_requests_total` is `ray_ganray_requests_total`, with the tags application and replica."""

    def __init__(self, application: str, replica: str) -> None:
        self._tags = {"application": application, "replica": replica}
        self._gauges: dict[str, Gauge] = {}

    def set(self, number: Number) -> None:
        """Record a value."""
        gauge = self._gauges.get(number.name)
        if gauge is None:
            gauge = Gauge(number.name, number.help, (*OWN_TAGS, *number.labels)).set_default_tags(self._tags)
            self._gauges[number.name] = gauge
        gauge.set(number.value, number.labels)
