"""Which nodes a selector of labels means. Ray places by the same selectors; here they say what a plan can count on before it asks.

A value is `spot`, `!spot`, `in(spot, on-demand)` or `!in(spot, on-demand)`. A node without the label has none of the values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from ganray.errors import ClusterError, ConfigError
from ganray.execution.port import Resources

_WORD = r"[a-zA-Z0-9](?:[a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?"
_VALUE = re.compile(rf"(!?)(?:in\(({_WORD}(?:, ?{_WORD})*)\)|({_WORD}))")


def matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a node with these labels is meant. Raises ConfigError for a value that is none of the four forms."""
    return all((labels.get(name) in wanted) != negated for name, (negated, wanted) in _parsed(selector).items())


def with_labels(resources: Resources, selector: Mapping[str, str]) -> Resources:
    """What those nodes have that the selector means; all where it is empty.

    Raises ClusterError where there is none, and nothing starts one.
    """
    if not selector:
        return resources
    nodes = tuple(node for node in resources.nodes if matches(selector, node.labels))
    if not nodes and not resources.grows():
        wanted = ", ".join(f"{name} = {value}" for name, value in selector.items())
        raise ClusterError(f"node_labels: no node here has {wanted}", "Use other --node-labels; `ray list nodes --detail` shows all labels")
    cpus = [node.cpus for node in nodes]
    return replace(resources, cpus=sum(cpus), gpus=sum(node.gpus for node in nodes), node_cpus=max(cpus, default=0.0), nodes=nodes)


def _parsed(selector: Mapping[str, str]) -> dict[str, tuple[bool, set[str]]]:
    """By label: whether the values are those to avoid, and the values."""
    parsed = {}
    for name, value in selector.items():
        found = _VALUE.fullmatch(value)
        if found is None:
            raise ConfigError(
                f"node_labels: {name} = {value!r} is not a selector", "Use spot, !spot, in(spot, on-demand), !in(spot, on-demand)"
            )
        parsed[name] = bool(found[1]), set(re.split(", ?", found[2] or found[3]))
    return parsed
