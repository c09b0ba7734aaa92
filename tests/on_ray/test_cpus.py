import pytest

from ganray.errors import ClusterError
from ganray.on_ray.cluster import Resources
from ganray.on_ray.cpus import engine_cpus


@pytest.mark.parametrize(
    ("cpus", "node", "wanted", "engines", "spare", "threads"),
    [
        (3, 2, 0, 1, 1, 1),  # two cores here: one draws, one encodes
        (3, 2, 0, 1, 0, 2),  # two cores here: both answer requests
        (17, 16, 0, 1, 1, 15),
        (64, 16, 0, 4, 1, 15),
        (64, 16, 0, 1, 1, 15),
        (2, 2, 0, 1, 1, 1),
        (4, 2, 2, 1, 1, 2),
    ],
)
def test_engines_share_the_cpus(cpus, node, wanted, engines, spare, threads):
    assert engine_cpus(wanted, engines, spare, Resources(cpus, 0, node), "test") == threads


@pytest.mark.parametrize(
    ("cpus", "node", "wanted", "engines", "said"),
    [
        (4, 4, 4, 1, r"test with 1 engine\(s\) of 4 thread\(s\) needs 5 CPUs"),
        (4, 4, 0, 9, "needs 10 CPUs"),
        (64, 4, 8, 1, "of one node, the largest has 4"),
    ],
)
def test_engines_that_do_not_fit_are_refused(cpus, node, wanted, engines, said):
    with pytest.raises(ClusterError, match=said):
        engine_cpus(wanted, engines, 1, Resources(cpus, 0, node), "test")
