import pytest

from ganray.edits import EDITS, parse_chain
from ganray.profiles import profile
from ganray.profiles.checker import check
from ganray.profiles.mending import mending


def chain(data, name="amazon-main", **options):
    known = profile(name)
    return mending(check(data, known, **options), known)


def test_nothing_to_do_is_no_chain(shot):
    assert chain(shot()) == []


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"ground": (240, 240, 240)}, ["white", "conform:amazon-main"]),
        ({"side": 1000, "fill": 0.6}, ["conform:amazon-main"]),
        ({"side": 450}, ["upscale:2", "conform:amazon-main"]),
        ({"side": 200, "ground": (240, 240, 240)}, ["white", "upscale:3", "conform:amazon-main"]),
        ({"side": 60}, []),  # no factor makes 500 px of it
        ({"format": "WEBP", "lossless": True}, ["conform:amazon-main"]),
    ],
)
def test_the_chain_mends_what_fails(shot, options, wanted):
    assert chain(shot(**options)) == wanted


def test_a_chain_is_one_that_can_be_asked_for(shot):
    edits = chain(shot(1000, ground=(240, 240, 240), fill=0.6))
    assert [step.name for step in parse_chain(edits)] == ["white", "conform"]
    assert set(edits[0].split(":")) <= set(EDITS)


def test_what_no_edit_can_mend_has_none(shot):
    assert chain(b"") == []
    assert chain(shot(fill=0.001)) == []


def test_the_smallest_side_of_a_rule_to_come_counts(shot):
    assert chain(shot(side=400, fill=0.8), "google-main", kind="apparel") == ["upscale:2", "conform:google-main"]
