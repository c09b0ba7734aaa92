"""Tries and waits with a clock of the test's own: thousands of courses that a call can take."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganray.client.answers import Answer
from ganray.client.calls import Options, generate_call
from ganray.client.errors import Busy, ClientError, DeadlineExceeded, ServerFailed, TimedOut, Unreachable
from ganray.client.exchange import FIRST_WAIT, LONGEST_WAIT, Fault, Send, Session, Sleep, exchange, retry_after

GOOD = Answer(200, {"x-request-id": "r"}, b"{}")
OWN = b'{"error": "code", "message": "m", "remedy": "r"}'
LOST = Fault("no answer")
EVENTS = [
    LOST,
    *(Answer(status, headers, OWN) for status in (429, 502, 503) for headers in ({}, {"retry-after": "2"})),
    *(Answer(status, {}, b"<html>") for status in (429, 500, 502, 503, 504)),
]


class Course:
    """One call that is answered with `events`, each after `seconds`; what it sent, and how long it slept."""

    def __init__(self, events, call=None, options=None, seconds=0.0, **session):
        self.now, self.sent, self.slept = 100.0, [], []
        steps = exchange(Session(clock=lambda: self.now, **session), call or generate_call({}, Options()), options or Options())
        events, event = iter(events), None
        while True:
            try:
                step = steps.send(event)
            except StopIteration as stop:
                self.answer, self.kept = stop.value
                return
            except ClientError as error:
                self.error = error
                return
            if isinstance(step, Sleep):
                self.slept.append(step.seconds)
                self.now += step.seconds
                event = None
            else:
                assert isinstance(step, Send)
                self.sent.append(step)
                self.now += seconds
                event = next(events)


@settings(deadline=None)
@given(st.lists(st.sampled_from(EVENTS), max_size=6), st.integers(0, 6))
def test_up_to_the_retries_every_course_ends_with_the_answer_and_beyond_with_the_last_error(faults, retries):
    course = Course([*faults, GOOD], retries=retries, timeout=1000.0)
    if len(faults) <= retries:
        assert course.answer is GOOD and len(course.sent) == len(faults) + 1
    else:
        assert course.error.retryable and len(course.sent) == retries + 1
    assert all(step.call is course.sent[0].call for step in course.sent)
    assert len({step.headers["X-Request-Id"] for step in course.sent}) == 1
    for number, (slept, fault) in enumerate(zip(course.slept, faults, strict=False)):
        least = 2.0 if isinstance(fault, Answer) and "retry-after" in fault.headers else 0.0
        assert least <= slept <= least + min(LONGEST_WAIT, FIRST_WAIT * 2**number)


@settings(deadline=None)
@given(st.lists(st.sampled_from(EVENTS), min_size=30, max_size=30), st.floats(0.05, 20.0), st.floats(0.01, 3.0))
def test_no_try_begins_after_the_end_and_none_is_given_more_time_than_is_left(faults, timeout, seconds):
    course = Course(faults, retries=29, timeout=timeout, seconds=seconds)
    assert course.error is not None
    at = 0.0
    for number, step in enumerate(course.sent):
        assert at < timeout and step.seconds <= timeout - at + 0.002
        assert int(step.headers["X-Ganray-Timeout-Ms"]) <= max(1, step.seconds * 1000)
        at += seconds + (course.slept[number] if number < len(course.slept) else 0.0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 500, 504])
def test_a_verdict_of_the_server_is_not_asked_for_twice(status):
    course = Course([Answer(status, {}, OWN)])
    assert (course.error.status, course.error.code, course.error.retryable) == (status, "code", False)
    assert not course.slept


def test_the_errors_classes():
    assert isinstance(Course([LOST], retries=0).error, Unreachable)
    assert isinstance(Course([Fault("late", late=True)], retries=0).error, TimedOut)
    assert isinstance(Course([Answer(504, {}, OWN)]).error, DeadlineExceeded | TimedOut)
    assert isinstance(Course([Answer(502, {}, b"")], retries=0).error, ServerFailed)
    assert isinstance(Course([Answer(503, {}, b"\xff\x00")], retries=0).error, Busy)
    assert len(Course([Fault("no such scheme", retryable=False)]).sent) == 1


def test_waits_are_drawn_between_nothing_and_a_bound_that_doubles():
    bounds = []
    Course([LOST] * 10, retries=9, timeout=1000.0, uniform=lambda low, high: bounds.append((low, high)) or high)
    assert bounds[:4] == [(0.0, 0.1), (0.0, 0.2), (0.0, 0.4), (0.0, 0.8)] and bounds[-1] == (0.0, LONGEST_WAIT)


def test_a_longer_time_than_the_server_takes_is_sent_as_its_longest():
    assert Course([GOOD], timeout=7200.0).sent[0].headers["X-Ganray-Timeout-Ms"] == "600000"


def test_retry_after_is_a_number_or_a_date():
    assert retry_after("120") == 120.0
    assert 50 < retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)) <= 60
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert [retry_after(text) for text in ("", "-1", "1.5", "٣", "9" * 400, "Wed, 99 Oct")] == [None] * 6


@settings(deadline=None)
@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_any_retry_after_is_read(text):
    assert retry_after(text) is None or retry_after(text) >= 0.0


@pytest.mark.parametrize(("options", "match"), [({"timeout": 0.0}, "timeout"), ({"retries": -1}, "retries"), ({"key": "a b"}, "key")])
def test_a_session_that_cannot_be_is_refused(options, match):
    with pytest.raises(ValueError, match=match):
        Session(**options)
