"""The rules, and the short form of each target."""

import ctypes
import os
import time

import pytest

from ganray.errors import ImageError
from tests.fuzz.mutations import mutate
from tests.fuzz.runner import Target, fuzz, judge
from tests.fuzz.targets import TARGETS

SECONDS = 3.0


@pytest.mark.parametrize("name", TARGETS)
def test_no_mutation_breaks_a_rule(name):
    report = fuzz(TARGETS[name], SECONDS)
    assert not report.findings, "\n".join(f"{finding.rule}\n{finding.detail}\n{finding.data[:200]!r}" for finding in report.findings)
    assert report.executions


def refuse(data):
    raise ImageError("empty", "it is empty")


def fail(data):
    raise KeyError(data)


def burn(data):
    end = time.process_time() + 2.2
    while time.process_time() < end:
        pass


@pytest.mark.parametrize(
    ("check", "rule"),
    [(refuse, None), (fail, "KeyError at test_fuzz.py"), (burn, "over 2 s of CPU time"), (lambda _: b"x" * (1200 << 20), "over 1024 MiB")],
)
def test_each_rule_is_applied(check, rule):
    finding = judge(check, b"")
    assert (finding.rule if finding else None) == rule or (rule and finding.rule.startswith(rule))


def test_the_input_that_ends_the_process_is_kept():
    def check(data):
        if len(data) > 12:
            ctypes.string_at(0)  # a segmentation fault

    report = fuzz(Target(lambda: (check, [b"0123456789"])), 1.0)
    (finding,) = report.findings
    assert finding.rule == "died with -11"
    assert len(finding.data) > 12


def test_the_child_leaves_the_parent_alone():
    parent = os.getpid()
    report = fuzz(Target(lambda: (lambda data: os.getpid() != parent or fail(data), [b"0"])), 0.5)
    assert (report.findings, report.executions > 0) == ([], True)


@pytest.mark.parametrize(
    ("kind", "place", "length", "value", "expected"),
    [
        ("flip", 1, 8, b"", b"acc"),
        ("put", 1, 1, b"XY", b"aXY"),
        ("insert", 1, 1, b"XY", b"aXYbc"),
        ("cut", 1, 1, b"", b"ac"),
        ("repeat", 1, 1, b"", b"abbbc"),
        ("end", 2, 1, b"", b"ab"),
        ("join", 1, 1, b"", b"a23"),
    ],
)
def test_a_change(kind, place, length, value, expected):
    assert mutate(b"abc", [(kind, place, length, value)], b"123") == expected
