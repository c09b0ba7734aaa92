"""A designer's way through the tab Generate, by keyboard."""

import hashlib
import re

import httpx
import pytest

from ganray.images.provenance import read_label

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def make(page, seed=7, count=2):
    page.get_by_label("Seed").locator("visible=true").fill(str(seed))
    page.get_by_label("Pictures").locator("visible=true").fill(str(count))
    page.get_by_role("button", name="Generate", exact=True).click()
    page.wait_for_selector(f"#panel-generate .card:nth-child({count}) img")


def test_pictures_are_made_and_saved_with_their_labels_by_keyboard_alone(open_page, keyboard, url):
    page = open_page(url)
    keyboard(page, "category", "combobox")
    page.keyboard.type("mug")
    keyboard(page, "Seed", "spinbutton")
    page.keyboard.type("7")
    keyboard(page, "Pictures", "spinbutton")
    page.keyboard.press("Control+a")
    page.keyboard.type("2")
    keyboard(page, "Generate")
    page.keyboard.press("Enter")
    page.wait_for_selector(".card:nth-child(2) img")
    captions = page.locator(".card .caption").all_inner_texts()
    assert len(captions) == 2 and all(re.fullmatch("mug, (red|grün|navy)", caption) for caption in captions)
    keyboard(page, "Download")
    with page.expect_download() as saved:
        page.keyboard.press("Enter")
    data = saved.value.path().read_bytes()
    answer = httpx.post(f"{url}/v1/generate", json={"attributes": {"category": "mug"}, "seed": 7, "count": 2}).json()
    assert hashlib.sha256(data).hexdigest() == answer["images"][0]["sha256"]
    assert read_label(data)["ganray:Seed"] == "7"
    assert saved.value.suggested_filename == f"{answer['images'][0]['name']}.png"


def test_the_request_is_shown_as_code_that_runs(open_page, url):
    page = open_page(url)
    make(page)
    page.get_by_text("This request as code").locator("visible=true").click()
    code = page.locator("#panel-generate pre")
    assert code.inner_text().startswith(f"curl -sS -X POST '{url}/v1/generate'")
    assert '"seed":7' in code.inner_text() and "Authorization" not in code.inner_text()
    page.get_by_label("Language of the code").locator("visible=true").select_option("python")
    compile(code.inner_text(), "snippet", "exec")
    assert '"count": 2' in code.inner_text()
    page.get_by_label("Seed").locator("visible=true").fill("8")
    assert '"seed": 8' in code.inner_text()


def test_other_products_and_pictures_near_one(open_page, url):
    page = open_page(url)
    make(page, count=1)
    page.get_by_role("button", name="Variations").click()
    page.get_by_role("button", name="Other products").click()
    page.wait_for_selector(".group:nth-child(1) .card:nth-child(4) img")
    assert "Seed 8, picture 4" in page.locator(".groups").inner_text()
    page.get_by_role("region", name="Variations").get_by_label("Pictures").fill("1")
    page.get_by_label("Strength").locator("visible=true").fill("0.25")
    with page.expect_response("**/v1/edit*") as answered:
        page.get_by_role("button", name="Near this picture").click()
    assert answered.value.json()["images"][0]["edits"][0]["vary"]["strength"] == 0.25
    page.get_by_role("heading", name="Near").wait_for()
    assert page.locator(".group").first.locator(".card").count() == 1


def test_a_slider_between_two_pictures(open_page, url):
    page = open_page(url)
    make(page)
    page.get_by_role("button", name="Blend").nth(0).click()
    assert page.get_by_text("Press Blend on a second picture.").is_visible()
    page.get_by_role("button", name="Blend").nth(1).click()
    slider = page.get_by_label("From the first to the second")
    assert slider.evaluate("node => node === document.activeElement")
    page.get_by_label("Least likeness (dB)").locator("visible=true").fill("0")
    with page.expect_response("**/v1/edit*") as answered:
        slider.press("ArrowRight")
    assert answered.value.json()["images"][0]["edits"] == [{"interpolate": {"picture": "other", "t": 0.625, "threshold": 0.0}}]
    page.wait_for_selector("#panel-generate .tool img.result:visible")
    page.get_by_role("button", name="Draw", exact=True).click()  # what was drawn is kept
    assert page.locator("#panel-generate .tool img.result").is_visible()


def test_a_picture_is_seen_large_and_escape_leads_back(open_page, url):
    page = open_page(url)
    make(page)
    picture = page.locator(".card .picture").first
    picture.press("Enter")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible() and picture.evaluate("node => node === document.activeElement")
