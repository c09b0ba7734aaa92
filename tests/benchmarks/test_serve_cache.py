import pytest


@pytest.mark.slow
def test_what_a_client_has_is_not_drawn_again(short_form):
    (row,) = short_form("serve-cache")
    assert row["failures"] == row["drawn_again"] == 0
    assert row["value"] > row["baseline"] > 0
