import numpy as np
from PIL import Image, ImageFilter

from ganray.profiles import Content, reading
from ganray.profiles.content import RULES, Seen, content_findings
from tests.profiles.test_overlays import written

STRICT = Content(**dict.fromkeys(Content.model_fields, "must"))


def findings(pixels, wanted=STRICT):
    return {finding.rule: finding for finding in content_findings(Seen(pixels, []), wanted)}


def test_every_rule_of_a_profile_is_measured():
    assert RULES.keys() == Content.model_fields.keys()


def test_without_the_extras_a_rule_is_not_checked_and_never_holds(goods):
    found = findings(goods())
    assert {rule for rule, finding in found.items() if finding.ok is None} == {"text", "watermark", "people", "upside_down"}
    assert "ganray[ocr]" in found["text"].found and "ganray[faces]" in found["people"].found
    assert not any(finding.broken for finding in found.values())


def test_letters_are_found_without_anybody_who_reads(goods):
    finding = findings(written(goods(box=(0.2, 0.2, 0.8, 0.95))))["text"]
    assert finding.broken and finding.level == "must" and "inpaint" in finding.mend


def test_a_reader_that_fails_leaves_its_rules_unchecked(goods, monkeypatch):
    def read(pixels):
        raise RuntimeError("no threads")

    monkeypatch.setattr(reading, "is_there", lambda: True)
    monkeypatch.setattr(reading, "read", read)
    found = findings(goods())
    assert found["text"].ok is None and "RuntimeError" in found["watermark"].found and found["border"].ok


def test_what_is_only_likely_is_advice(goods):
    pair = goods(box=(0.55, 0.2, 0.95, 0.8), on=goods(box=(0.05, 0.2, 0.45, 0.8)))
    finding = findings(pair)["several"]
    assert finding.broken and finding.level == "should"


def test_rules_are_ignored_or_advice_where_the_profile_says_so(goods):
    soft = np.asarray(Image.fromarray(goods()).filter(ImageFilter.GaussianBlur(8)))
    assert findings(soft)["blurred"].level == "must"
    mild = findings(soft, Content(text="ignore"))
    assert "text" not in mild and mild["blurred"].level == "should" and "several" not in mild


def test_what_is_inside_a_border_is_measured_alone(goods):
    pixels = goods()
    pixels[:5] = pixels[-5:] = (200, 20, 30)
    pixels[:, :5] = pixels[:, -5:] = (200, 20, 30)
    assert {rule for rule, finding in findings(pixels).items() if finding.broken} == {"border"}


def test_a_tiny_picture_is_not_checked():
    assert {finding.ok for rule, finding in findings(np.zeros((9, 9, 3), np.uint8)).items()} == {None}
