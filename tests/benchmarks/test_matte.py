import pytest

from ganray.benchmarks import matte


def test_mattes_are_compared_with_grabcut(edit_config, check_row):
    pytest.importorskip("cv2")
    rows = matte.measure(edit_config)
    check_row(rows, "IoU")
    assert rows[0]["worst_tenth"] <= rows[0]["median"]
