"""How many replicas there are to be: by the pictures that are wanted of them, waiting or in the making.

Serve's own policy counts requests; a request here is for one image or for sixty-four. Ray Serve applies bounds and delays to what the
policy says, and starts the first replica at the first request where there is none.
"""

from __future__ import annotations

from typing import Any

from ray.serve.config import AutoscalingConfig, AutoscalingContext, AutoscalingPolicy

from ganray.config import ServeConfig

OUTSTANDING = "ganray_outstanding"  # what replicas report
UP_S, DOWN_S, ZERO_S = 5.0, 120.0, 600.0  # how long more, fewer or none have to be wanted


class ByOutstanding:
    """A policy: so many replicas that each has about `per_replica` pictures outstanding."""

    def __init__(self, per_replica: float) -> None:
        self._per_replica = per_replica

    def __call__(self, context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
        """Replicas wanted, and no state."""
        reported = (context.aggregated_metrics or {}).get(OUTSTANDING, {})
        outstanding = sum(reported.values())
        asked = bool(outstanding) or context.total_num_requests > 0
        return max(outstanding / self._per_replica, 1.0 if asked else 0.0), {}


def growth(config: ServeConfig) -> AutoscalingConfig | None:
    """What Serve is told; None where the number of replicas is fixed."""
    if config.max_replicas <= config.replicas:
        return None
    return AutoscalingConfig(
        min_replicas=config.replicas,
        initial_replicas=max(1, config.replicas),
        max_replicas=config.max_replicas,
        upscale_delay_s=UP_S,
        downscale_delay_s=DOWN_S,
        downscale_to_zero_delay_s=ZERO_S,
        policy=AutoscalingPolicy(policy_function=ByOutstanding, policy_kwargs={"per_replica": float(config.per_replica)}),
    )
