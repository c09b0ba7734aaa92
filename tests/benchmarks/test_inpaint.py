import pytest

from ganray.benchmarks import inpaint


def test_nothing_changes_outside_of_holes(edit_config, check_row):
    pytest.importorskip("cv2")
    rows = inpaint.measure(edit_config)
    check_row(rows, "dB")
    assert rows[1]["value"] == rows[1]["at_most"] == 0
