import pytest


@pytest.mark.slow
@pytest.mark.long
def test_a_quiet_key_is_measured_alone_and_beside_a_flood(short_form):
    (row,) = short_form("serve-fair")
    assert row["requests"] > 0 and row["flood_rate"] > 0
    assert row["value"] > 0 and row["baseline"] > 0
