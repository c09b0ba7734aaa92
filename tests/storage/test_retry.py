from __future__ import annotations

import itertools

import pytest

from ganray.errors import ObjectNotFound, StorageError, StoreUnavailable
from ganray.storage import retry
from ganray.storage.retry import Patient, pauses, retry_while_unavailable, start_patiently


def failing(times, error=StorageError):
    """Something that fails so often, then answers."""
    left = [error(f"s3://b/k: no answer ({n})") for n in range(times)]

    def act():
        if left:
            raise left.pop(0)
        return "answer"

    return act


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(retry.time, "sleep", lambda seconds: None)


def test_pauses_grow_up_to_a_bound():
    assert list(itertools.islice(pauses(), 8)) == [1, 2, 4, 8, 16, 30, 30, 30]


def test_what_works_is_not_spoken_of():
    said = []
    assert retry_while_unavailable(failing(0), "reading", said.append) == "answer"
    assert said == []


def test_a_store_that_comes_back_is_spoken_of_twice():
    said = []
    assert retry_while_unavailable(failing(5), "reading", said.append) == "answer"
    assert said == ["reading: trying again: s3://b/k: no answer (0)", "reading: done, after 0 s"]


def test_what_is_absent_is_not_waited_for():
    with pytest.raises(ObjectNotFound):
        retry_while_unavailable(failing(1, ObjectNotFound), "reading", print)


def test_patience_ends(monkeypatch):
    monkeypatch.setattr(retry, "PATIENCE_S", -1.0)
    with pytest.raises(StorageError, match="no answer"):
        retry_while_unavailable(failing(2), "reading", print)


def test_work_waits_for_a_store_that_cannot_be_reached(capsys):
    act = failing(2, StoreUnavailable)
    assert Patient(lambda shard: (shard, act()), "edit")(7) == (7, "answer")
    assert capsys.readouterr().err.startswith("edit: trying again: s3://b/k: no answer (0)")


@pytest.mark.parametrize("error", [StorageError, ObjectNotFound])
def test_work_does_not_wait_for_what_time_does_not_mend(error):
    with pytest.raises(error):
        Patient(lambda _: failing(1, error)(), "edit")(7)


def test_a_worker_waits_at_its_start_too():
    started = failing(1, StoreUnavailable)
    work = start_patiently(lambda: (started(), lambda shard: shard + 1)[1], "edit")
    assert work(7) == 8


def test_a_worker_whose_work_others_can_do_gives_up_sooner(monkeypatch):
    monkeypatch.setattr(retry, "PATIENCE_S", retry.PATIENCE_S)
    retry.limit_patience(-1.0)
    with pytest.raises(StoreUnavailable, match="no answer"):
        start_patiently(failing(1, StoreUnavailable), "generate")
