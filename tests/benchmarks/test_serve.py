import pytest

pytestmark = pytest.mark.slow


def test_both_sides_are_measured(short_form):
    (row,) = short_form("serve")
    assert row["executor"] == "local" and row["failures"] == 0
    assert row["value"] > 0 and row["baseline"] > 0
    assert 0 < row["p50_ms"] <= row["p99_ms"]


@pytest.mark.ray
@pytest.mark.long
def test_ray_serve_is_measured(cluster, short_form):
    (row,) = short_form("serve", executor="ray")
    assert row["executor"] == "ray" and row["failures"] == 0
    assert row["value"] > 0 and row["baseline"] > 0
