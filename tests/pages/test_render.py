import re

import jinja2
import pytest

from ganray.pages import TEMPLATES, data_url, render
from tests.tools.commands import run_command

HOSTILE = "<script>alert('\"&')</script>"
CHART = {
    **dict.fromkeys(("title", "meaning", "first", "last"), HOSTILE),
    **{"logarithmic": False, "width": 360, "height": 170, "left": 46, "right": 352},
    "levels": [{"y": "10.0", "text": HOSTILE}],
    "curves": [
        {"name": HOSTILE, "colour": HOSTILE, "floor": True, "points": HOSTILE, "dot": dot, "value": HOSTILE} for dot in ((), (1, 2))
    ],
}
PICTURE = dict.fromkeys(("name", "asked", "seed", "link", "source", "score", "rank"), HOSTILE)
VALUES = {
    "run.html": {
        **dict.fromkeys(("title", "state", "done"), HOSTILE),
        "running": True,
        "figures": {HOSTILE: HOSTILE},
        "facts": {HOSTILE: HOSTILE},
        "pictures": {**dict.fromkeys(("num", "film_key", "film"), HOSTILE), "steps": [dict.fromkeys(("key", "picture", "kimg"), HOSTILE)]},
        "chart_groups": {HOSTILE: [CHART]},
    },
    "chart.html": {"chart": CHART},
    "bulk_job.html": {
        **dict.fromkeys(("title", "num", "model", "created", "manifest", "kept"), HOSTILE),
        "pictures": [PICTURE],
        "ends": {HOSTILE: [PICTURE]},
    },
    "edit_job.html": {
        **dict.fromkeys(("title", "num", "not_edited", "created", "manifest"), HOSTILE),
        "pairs": [dict.fromkeys(("name", "link", "stem", "edits", "width", "height", "format", "bytes", "facts", "doubtful"), HOSTILE)],
    },
    "check.html": {
        **dict.fromkeys(("title", "failed", "verdict", "mendable", "shown"), HOSTILE),
        "rules": {**dict.fromkeys(("profile", "version", "day", "kind", "source"), HOSTILE), "second_hand": True},
        "counts": [dict.fromkeys(("rule", "num", "level"), HOSTILE)],
        "by_eye": [HOSTILE],
        "pictures": [
            {
                **dict.fromkeys(("name", "level", "thumbnail", "size", "mend", "unchecked"), HOSTILE),
                "findings": [dict.fromkeys(("level", "rule", "since", "found", "wanted", "mend"), HOSTILE)],
            }
        ],
    },
    "evaluation.html": {
        **dict.fromkeys(("title", "summary", "num", "sheet", "searched"), HOSTILE),
        "attributes": [
            {
                "name": HOSTILE,
                "values": [dict.fromkeys(("value", "verdict", "worse", "num", "generated", "photos", "strip"), HOSTILE)],
                "more": HOSTILE,
            }
        ],
        "scores": [dict.fromkeys(("title", "value", "floor", "good", "meaning"), HOSTILE)],
        "accuracy": [dict.fromkeys(("attribute", "generated", "photos"), HOSTILE)],
        "pairs": {HOSTILE: [dict.fromkeys(("image", "photo", "distance", "asked"), HOSTILE)]},
        "facts": {HOSTILE: HOSTILE},
    },
}
pages = pytest.mark.parametrize("template", VALUES)


def test_every_template_is_tried_here():
    assert set(VALUES) | {"base.html", "style.css"} == {path.name for path in TEMPLATES.iterdir()}


@pages
def test_hostile_values_are_text(template):
    page = render(template, **VALUES[template])
    assert "alert(" in page
    assert "<script>alert" not in page and "'\"&'" not in page


@pages
def test_a_value_that_is_missing_is_an_error(template):
    for name in VALUES[template]:
        with pytest.raises(jinja2.UndefinedError):
            render(template, **{other: value for other, value in VALUES[template].items() if other != name})


@pages
def test_the_same_values_are_the_same_bytes(template):
    assert render(template, **VALUES[template]) == render(template, **VALUES[template])


@pytest.mark.parametrize("path", sorted(TEMPLATES.iterdir()), ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere(path):
    text = path.read_text().replace('startswith("https://")', "")
    assert not re.search(r"https?:|//\w|<link|@import|url\(|<iframe|<object|src=\"(?!{{)|<script\s+\w", text, re.IGNORECASE)
    assert "<style" not in text or path.name == "base.html"  # one stylesheet
    assert ("<script" in text) == (path.name == "edit_job.html")  # for its sliders


@pages
def test_nothing_depends_on_the_time_or_on_chance(template):
    source = (TEMPLATES / template).read_text()
    assert not re.search(r"\b(random|now|lipsum|shuffle)\b", source)


def test_tags_are_closed():
    for template, values in VALUES.items():
        page = render(template, **values)
        for tag in ("div", "figure", "figcaption", "table", "tr", "section", "main", "article", "ul", "p", "a", "span", "svg"):
            assert len(re.findall(rf"<{tag}[ >]", page)) == page.count(f"</{tag}>"), (template, tag)


def test_a_picture_in_the_page():
    assert data_url("image/png", b"\0\1") == "data:image/png;base64,AAE="


def test_workers_that_render_no_page_do_not_load_jinja2(tmp_path):
    """Nor does any of what a command imports before."""
    modules = "ganray, ganray.pages, ganray.bulk.commit, ganray.bulk.page, ganray.bulk.edit_shard"
    (tmp_path / "worker.py").write_text(f"import sys, {modules}\nprint('jinja2' in sys.modules)\nsys.exit()\n")
    assert run_command([tmp_path / "worker.py"]).stdout == "False\n"
