from datetime import date

from ganray.profiles import profile
from ganray.profiles.checking import checked, sandbox


def test_a_child_checks_and_draws_and_lives_on_after_a_broken_file(shot):
    known, day = profile("amazon-main"), date(2026, 11, 26)
    with sandbox(known, "my/rules.yaml", day, "") as child:
        good, broken, poor = (checked(answer, known, day, "") for answer in child.map([shot(), b"\xff\xd8broken", shot(1000, fill=0.5)]))
    assert good[0].passed and good[1] == [] and good[2].startswith(b"\xff\xd8")
    assert not broken[0].passed and broken[0].findings[0].rule == "readable" and broken[2] == b""
    assert poor[1] == ["conform:my/rules.yaml"]
