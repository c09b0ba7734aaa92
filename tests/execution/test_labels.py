import pytest

from ganray.errors import ClusterError, ConfigError
from ganray.execution.labels import matches, with_labels
from ganray.execution.port import Node, Resources

SPOT, DEMAND, PLAIN = ({"market": "spot", "zone": "a"}, {"market": "on-demand"}, {})


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("spot", [SPOT]),
        ("!spot", [DEMAND, PLAIN]),
        ("in(spot, on-demand)", [SPOT, DEMAND]),
        ("in(spot,on-demand)", [SPOT, DEMAND]),
        ("!in(spot)", [DEMAND, PLAIN]),
    ],
)
def test_a_selector_means_nodes(value, meant):
    assert [labels for labels in (SPOT, DEMAND, PLAIN) if matches({"market": value}, labels)] == meant


def test_all_labels_must_fit():
    assert matches({"market": "spot", "zone": "a"}, SPOT)
    assert not matches({"market": "spot", "zone": "b"}, SPOT)
    assert matches({}, PLAIN)


@pytest.mark.parametrize("value", ["", "in(", "in()", "spot on-demand", "!!spot", "-spot"])
def test_a_value_that_is_no_selector_is_an_error(value):
    with pytest.raises(ConfigError, match="is not a selector"):
        matches({"market": value}, SPOT)


def test_resources_are_those_of_the_nodes_that_are_meant():
    nodes = (Node(4, 1, SPOT), Node(8, 0, SPOT), Node(16, 2, DEMAND))
    found = with_labels(Resources(28, 3, 16, joined=True, nodes=nodes), {"market": "spot"})
    assert (found.cpus, found.gpus, found.node_cpus, found.joined, len(found.nodes)) == (12, 1, 8, True, 2)
    every = Resources(28, 3, 16)
    assert with_labels(every, {}) is every


def test_labels_of_no_node_are_an_error_at_once_unless_the_cluster_grows():
    with pytest.raises(ClusterError, match="node_labels: no node here has market = spot"):
        with_labels(Resources(4, 0, 4, nodes=(Node(4),)), {"market": "spot"})
    grows = Resources(4, 0, 4, grows=lambda: True, nodes=(Node(4),))
    assert with_labels(grows, {"market": "spot"}).cpus == 0
