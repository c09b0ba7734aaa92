import io
import itertools

import pytest

from ganray import progress
from ganray.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Time goes on by four seconds whenever it is asked for."""
    ticks = itertools.count(0, 4)
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(ticks)))


def test_a_log_gets_a_line_every_ten_seconds_with_an_eta(clock):
    stream = io.StringIO()
    shown = Progress("ingest", 100, "img", stream)
    for _ in range(10):
        shown.update(10, "note")
    shown.close()
    lines = stream.getvalue().splitlines()
    assert 2 <= len(lines) < 10
    assert lines[0].startswith("ingest: ")
    assert "ETA" in lines[0] and "img/s" in lines[0] and "note" in lines[0]
    assert lines[-1].startswith("ingest: 100/100 img")
    assert "ETA" not in lines[-1]


def test_the_last_line_is_not_said_twice(clock):
    stream = io.StringIO()
    shown = Progress("x", 1, "img", stream)
    while not stream.getvalue():
        shown.update(0)
    shown.close()
    assert stream.getvalue().count("\n") == 1


def test_a_terminal_gets_a_bar():
    stream = Terminal()
    shown = Progress("train", 3, "kimg", stream)
    shown.update(3, "img/s 200")
    shown.close()
    assert "3.0/3" in stream.getvalue() and "img/s 200" in stream.getvalue()
