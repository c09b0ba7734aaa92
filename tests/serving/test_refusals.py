"""Refusals: a status and a code for each, and when to try again."""

import pytest

from ganray.serving import refusals
from ganray.serving.refusals import Busy, RateLimited, Refusal, Unauthorized


def test_each_has_a_status_and_a_code_of_its_own_and_stands_in_the_table():
    kinds = Refusal.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds) >= 11
    assert all(400 < kind.status < 600 for kind in kinds)
    lines = [" ".join(line.split()[1:4]) for line in refusals.__doc__.splitlines() if "──" in line]
    assert {f"{kind.__name__} {kind.status} {kind.code}" for kind in kinds} == set(lines) - {lines[0]}


@pytest.mark.parametrize(("after", "header"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (61.2, "62")])
def test_seconds_are_whole_and_at_least_one(after, header):
    assert RateLimited("over", retry_after=after).headers == {"Retry-After": header}


def test_what_does_not_help_is_not_advised():
    assert "Retry-After" not in Unauthorized("no key").headers
    assert Unauthorized("no key").headers["WWW-Authenticate"] == "Bearer"
    assert Busy("full").headers == {"Retry-After": "1"}
