from __future__ import annotations

from ganray.runs.watchdog import HOPELESS_S, Watchdog


class Silence:
    """A watchdog with a clock of its own."""

    def __init__(self, interval: float, rows: int) -> None:
        self.now, self.told, self.ended = 0.0, [], 0
        self.dog = Watchdog(self.told.append, self.end, lambda: self.now)
        for _ in range(rows):
            self.after(interval)
            self.dog.row()

    def end(self) -> None:
        self.ended += 1

    def after(self, seconds: float) -> Silence:
        self.now += seconds
        self.dog.look()
        return self


def test_silence_is_told_once_after_ten_times_the_usual_interval():
    run = Silence(interval=20.0, rows=6)
    assert not run.after(199.0).told
    assert run.after(2.0).told == ["no row for 201 s, where one comes every 20 s: a worker waits for data, a store or a GPU"]
    assert len(run.after(100.0).told) == 1
    run.dog.row()
    assert len(run.after(10_000.0).told) == 2
    run.dog.close()


def test_rows_that_come_often_may_stay_out_for_a_minute():
    run = Silence(interval=1.0, rows=6)
    assert not run.after(59.0).told
    assert run.after(2.0).told


def test_a_worker_that_hangs_for_longer_than_a_store_may_be_away_is_ended():
    run = Silence(interval=20.0, rows=6)
    assert run.after(HOPELESS_S - 1).ended == 0
    assert run.after(2.0).ended == 1


def test_before_the_first_rows_nothing_is_usual():
    run = Silence(interval=1.0, rows=3)
    assert run.after(10_000.0).told == []
    assert run.ended == 0


def test_a_process_that_was_stopped_was_not_silent():
    run = Silence(interval=20.0, rows=6)
    run.now += 5000.0
    run.dog.awake_after(5000.0)
    assert run.after(10.0).told == []
    assert run.after(200.0).told
