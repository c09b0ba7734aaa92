"""The numbers of a server, as Ray's exporter shows those of its replicas."""

from __future__ import annotations

from ganray.serving.context import Caller, RequestContext
from ganray.serving.metrics import ServerMetrics

ANSWERS = ((200, ""), (200, ""), (200, ""), (304, ""), (429, "rate_limited"), (503, "busy"))  # of each step


class ServingNumbers:
    """A server that answers a few requests with each step. It has written `dropped` lines too few into its audit log."""

    def __init__(self) -> None:
        self.dropped, self._metrics = 0, ServerMetrics("cpu")
        self._metrics.watch_queue(lambda: 3.0, lambda: 8.0)
        self._metrics.watch_models(lambda: 2.0, lambda: 50e6)
        self._metrics.gauge("ganray_audit_lines_dropped", "Lines that found no place.", lambda: float(self.dropped))

    def page(self) -> str:
        """What a node exports after one more step."""
        for status, error in ANSWERS:
            drawn = {"queue": 0.002, "draw": 0.2, "encode": 0.02} if status == 200 else {}
            self._metrics.began()
            self._metrics.answered("/v1/generate", RequestContext(caller=Caller("shop"), model="0123", stages=drawn), status, 0.25, error)
        self._metrics.batch(3, 8)
        return "".join(
            "ray_{}{{{}}} {}\n".format(
                number.name,
                ",".join(f'{key}="{tag}"' for key, tag in {**number.labels, "application": "ganray", "replica": "r1"}.items()),
                number.value,
            )
            for number in self._metrics.numbers()
        )
