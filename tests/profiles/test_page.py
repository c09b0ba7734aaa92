from ganray.profiles import profile
from ganray.profiles.checker import check
from ganray.profiles.page import Row, render_page

SUMMARY = {
    "images": "photos",
    "profile": "amazon-main",
    "version": "2026-11-26",
    "source": "https://example.org/<rules>",
    "evidence": "secondary",
    "by_eye": ["no text"],
    "day": "2026-11-26",
    "kind": "",
    "counts": {"images": 2, "passed": 1, "failed": 1, "mendable": 1},
    "fails": {"fill": 1},
    "advice": {},
    "not_checked": {"text": 2},
}


def test_a_page_holds_everything_itself_and_escapes_names(shot):
    known = profile("amazon-main")
    rows = [
        Row("<b>bad</b>", check(shot(fill=0.5), known), ["conform:amazon-main"], b"\xff\xd8"),
        Row("good", check(shot(), known), [], b""),
    ]
    page = render_page(SUMMARY, rows)
    assert "&lt;b&gt;bad&lt;/b&gt;" in page and "<b>bad</b>" not in page
    assert "1 of 2 fail" in page and "conform:amazon-main" in page and "<b>fill</b>" in page
    assert "<td>not checked</td>" in page and "Not checked: text (nobody reads" in page
    assert 'src="http' not in page and "<script" not in page and "data:image/jpeg;base64," in page
