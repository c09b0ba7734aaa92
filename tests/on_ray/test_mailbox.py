import time

from ganray.on_ray.mailbox import Mailbox


def test_what_is_left_is_taken_once_and_an_error_is_remembered():
    board = Mailbox()
    board.post("log", {"kimg": 1.0})
    board.post("error", "broken")
    assert board.take() == [("log", {"kimg": 1.0}), ("error", "broken")]
    assert board.take() == []
    assert board.failed()


def test_an_order_to_regroup_can_be_taken_back_and_one_to_leave_cannot():
    board = Mailbox()
    board.order("regroup")
    board.rest()
    assert (board.ordered(), board.rested()) == ("regroup", True)
    board.order("")
    board.order("regroup")
    assert not board.rested()  # rest is of the last order
    board.order("leave")
    board.order("")
    assert board.ordered() == "leave"


def test_the_clock_starts_with_the_first_who_asks(monkeypatch):
    readings = iter([100.0, 100.5, 104.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(readings))
    board = Mailbox()
    assert board.seconds() == 0.5
    assert board.seconds() == 4.0
