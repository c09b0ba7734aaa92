"""POST /v1/check: the report of `ganray check`, by HTTP."""

import asyncio
import io
from datetime import date

import httpx
import pytest
from PIL import Image, ImageDraw

from ganray.config import ServeConfig
from ganray.profiles import profile
from ganray.profiles.checker import check
from ganray.profiles.mending import mending
from ganray.serving.app import make_app
from ganray.serving.photos import EXAMPLE_PHOTO


@pytest.fixture(scope="module")
def app():
    return make_app(None, ServeConfig())


def picture(ground="white"):
    image = Image.new("RGB", (1200, 1200), ground)
    ImageDraw.Draw(image).rectangle((90, 90, 1110, 1110), fill=(180, 40, 40))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def ask(app, **options):
    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.post("/v1/check", **options)

    return asyncio.run(run())


def test_a_report_says_rule_by_rule_what_was_found(app):
    grey = picture("#eeeeee")
    reply = ask(app, files={"photo": grey}, data={"request": '{"profile": "amazon-main", "day": "2026-11-30"}'})
    report = reply.json()
    assert (reply.status_code, report["ok"], report["profile"], report["day"]) == (200, False, "amazon-main", "2026-11-30")
    states = {finding["rule"]: finding["state"] for finding in report["findings"]}
    assert states["background"] == "fails" and states["long_side"] == "ok"
    alone = check(grey, profile("amazon-main"), day=date(2026, 11, 30))
    assert report["mending"] == mending(alone, profile("amazon-main"))
    assert [finding.rule for finding in alone.findings] == list(states)


def test_a_good_picture_passes_and_one_child_answers_for_all_profiles(app):
    for name in ("amazon-main", "shopify"):
        reply = ask(app, files={"photo": picture()}, data={"request": f'{{"profile": "{name}"}}'})
        assert (reply.json()["profile"], reply.json()["mending"]) == (name, [])


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"profile": "amazon"}, 400, "profile 'amazon' is unknown"),
        ({"profile": "/etc/passwd"}, 400, "is unknown"),
        ({"kind": "boats"}, 400, "kind"),
        ({"day": "1 May"}, 422, "day '1 May'"),
        ({"image": "http://169.254.169.254/"}, 400, "is not a data: URL"),
        ({"image": "data:image/png;base64,AAAA"}, 200, ""),
        ({"image": ""}, 422, "image ''"),
    ],
)
def test_what_cannot_be_checked_is_one_clear_line(app, body, status, expected):
    reply = ask(app, json={"image": EXAMPLE_PHOTO, **body})
    assert reply.status_code == status, reply.text
    if status == 200:  # a file that is no picture fails the rule `readable`, as in bulk
        assert [finding["rule"] for finding in reply.json()["findings"] if finding["state"] == "fails"] == ["readable"]
    else:
        assert expected in reply.json()["message"]
