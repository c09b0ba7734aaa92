import pytest


@pytest.mark.slow
@pytest.mark.long
def test_both_sides_have_the_same_arrivals_at_half_of_the_rate(short_form):
    (row,) = short_form("serve-latency")
    assert row["failures"] == 0 and row["rate"] > 0
    assert 0 < row["p50_ms"] <= row["value"] and 0 < row["plain_p50_ms"] <= row["baseline"]
