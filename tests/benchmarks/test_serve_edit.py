import pytest

from ganray.benchmarks import edit_speed, serve_edit


@pytest.mark.slow
@pytest.mark.long
def test_both_sides_are_measured(short_form, monkeypatch):
    monkeypatch.setattr(edit_speed, "SIDE", 200)
    monkeypatch.setattr(edit_speed, "DRAWN", 2)
    monkeypatch.setattr(serve_edit, "DRAWN", 2)
    (row,) = short_form("serve-edit", seconds=3.0)
    assert row["failures"] == 0
    assert row["value"] > 0 and row["baseline"] > 0
