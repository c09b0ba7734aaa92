import pytest

from ganray.benchmarks import matte


def test_mattes_are_compared_with_grabcut(edit_config, check_row):
    pytest.importorskip("cv2")
    check_row(matte.measure(edit_config), "IoU")
