import pytest

from ganray.benchmarks import upscale


def test_a_plain_upscaling_is_about_as_good_as_bicubic(edit_config, check_row):
    rows = upscale.measure(edit_config)
    check_row(rows, "dB")
    assert rows[0]["value"] == pytest.approx(rows[0]["baseline"], abs=3)  # an editor that has learned nothing
