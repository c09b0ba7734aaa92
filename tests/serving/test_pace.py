"""The measured rate: times are given, none is waited for."""

import pytest

from ganray.serving.pace import STALE_S, Pace


def made(pace, start, seconds, rate, busy=True):
    """Batches of 8 at a rate; returns the time at the end."""
    now = start
    for _ in range(round(seconds * rate / 8)):
        now += 8 / rate
        pace.count(8, now, busy)
    return now


def test_nothing_is_said_before_anything_was_measured():
    pace = Pace()
    assert pace.seconds(100, 0.0) == 0.0
    pace.count(8, 1.0, True)
    assert pace.seconds(100, 1.0) == 0.0  # the first batch says only when the next one begins


def test_the_rate_is_that_of_the_last_seconds():
    pace = Pace()
    now = made(pace, 0.0, 20.0, 100)
    assert pace.seconds(50, now) == pytest.approx(0.5, rel=1e-6)
    now = made(pace, now, 20.0, 10)
    assert pace.seconds(50, now) == pytest.approx(5.0, rel=0.05)


def test_time_with_little_to_do_does_not_count():
    """Batches with one image say nothing of what full ones take, nor does a pause."""
    pace = Pace()
    now = made(pace, 0.0, 5.0, 100)
    pace.count(8, now + 0.08, busy=False)
    pace.count(1, now + 5.0, busy=False)
    assert pace.seconds(100, now + 5.0) == pytest.approx(1.0)


def test_a_measurement_ends_so_that_who_was_refused_is_tried_again():
    pace = Pace()
    now = made(pace, 0.0, 20.0, 2)
    assert pace.seconds(8, now + STALE_S - 0.1) > 4.0
    assert pace.seconds(8, now + STALE_S + 0.1) == 0.0


def test_time_in_which_nothing_is_finished_counts():
    pace = Pace()
    now = made(pace, 0.0, 20.0, 100)
    assert pace.seconds(100, now) == pytest.approx(1.0, rel=1e-6)
    assert pace.seconds(100, now + 2.0) == pytest.approx(2.4, rel=0.05)  # 2 s, of which half of what was before counts
    pace.count(8, now, busy=False)
    assert pace.seconds(100, now + 2.0) == pytest.approx(1.0, rel=0.05)  # there was nothing to do
