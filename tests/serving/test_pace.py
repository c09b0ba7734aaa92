"""The pace: images a second while there is enough to do."""

import pytest

from ganray.serving.pace import Pace


def test_nothing_is_known_at_first():
    assert Pace().seconds(100) == 0.0


def test_a_steady_pace_is_found_and_idle_time_does_not_count():
    pace, now = Pace(), 0.0
    for _ in range(5):
        for step in range(20):
            now += 0.1
            pace.count(16, now, left=0 if step == 19 else 5)
        now += 1000.0
    assert pace.seconds(160) == pytest.approx(1.0, rel=0.1)


def test_it_follows_a_change():
    pace, now = Pace(), 0.0
    for seconds in (0.1, 0.4):
        for _ in range(100):
            now += seconds
            pace.count(16, now, left=5)
    assert pace.seconds(16) == pytest.approx(0.4, rel=0.05)
