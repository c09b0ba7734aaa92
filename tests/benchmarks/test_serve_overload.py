import pytest

from ganray.benchmarks import serve_overload
from ganray.benchmarks.serve_overload import MemoryLog, growth_of


@pytest.mark.slow
@pytest.mark.long
def test_answers_refusals_and_memory_have_a_row_each(short_form, monkeypatch):
    monkeypatch.setattr(serve_overload, "MINUTE", 4)
    rows = short_form("serve-overload")
    assert [row["what"] for row in rows] == ["accepted p99", "slowest refusal", "memory"]
    facts = rows[0]
    assert facts["sent"] == facts["accepted"] + facts["refused"] + facts["neither"]
    assert facts["accepted"] > 0 and facts["sustained"] > 0
    assert all(row["value"] > 0 for row in rows[::2])


def test_memory_is_compared_after_a_third_and_at_the_end():
    assert growth_of(list(range(30))) == (11, 28)
    assert growth_of([5]) == (5, 5)


def test_memory_of_a_load_that_is_too_short_to_be_read_is_read_once():
    log = MemoryLog(lambda: 7)
    log.start()
    assert log.growth() == (7, 7)
