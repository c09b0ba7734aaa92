"""The tab Jobs: a gallery with filters of what a job has made, and new jobs."""

import re

import pytest

from ganray.images.provenance import read_label

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
PICTURES = "#panel-jobs .grid .card"


def opened(page, kind):
    job = page.locator(".job").filter(has=page.locator("strong", has_text=kind)).filter(has_text="finished")
    job.get_by_role("button", name="Open").press("Enter")
    page.get_by_role("region", name="Results of the job").wait_for()


def test_a_jobs_pictures_are_filtered_and_saved(open_page, url):
    page = open_page(url, "#jobs")
    opened(page, "Generate")
    page.wait_for_selector(f"{PICTURES}:nth-child(6) img")
    results = page.get_by_role("region", name="Results of the job")
    results.get_by_label("colour").select_option("grün")
    assert page.locator(PICTURES).count() == 2
    results.get_by_label("category").select_option("mug")
    assert page.get_by_text("1 of 6 that were read").is_visible()
    with page.expect_download() as saved:
        page.locator(PICTURES).get_by_role("button", name="Download").click()
    assert read_label(saved.value.path().read_bytes())["ganray:RequestID"] == "mug-grün-0"
    results.get_by_label("colour").select_option("")
    results.get_by_label("Search").fill("MUG-R")
    assert page.locator(PICTURES).count() == 1 and "mug-red" in page.locator(PICTURES).inner_text()
    results.get_by_label("Search").fill("nothing like it")
    assert page.get_by_text("Nothing here.").is_visible()
    results.get_by_role("button", name="Close").press("Enter")
    assert page.get_by_role("button", name="Open").last.evaluate("node => node === document.activeElement")


def test_what_a_job_left_out_is_shown_with_its_reason(open_page, url):
    page = open_page(url, "#jobs")
    opened(page, "Edit")
    page.wait_for_selector(f"{PICTURES} img")
    assert page.locator(PICTURES).count() == 1
    assert page.locator(f"{PICTURES} .caption").inner_text() == "bottle"
    show = page.get_by_role("region", name="Results of the job").get_by_label("Show")
    show.select_option("doubt")
    page.get_by_text("Nothing here.").wait_for()  # its ground is plain
    show.select_option("left")
    page.wait_for_selector(".card.left")
    assert (
        "broken" in page.locator(".card.left").inner_text()
        and "unknown_format: the bytes are not one of" in page.locator(".card.left").inner_text()
    )


def test_a_job_is_begun_and_cancelled_by_keyboard_alone(open_page, keyboard, url):
    page = open_page(url, "#jobs")
    keyboard(page, "Fill in every combination")
    page.keyboard.press("Enter")
    lines = page.get_by_label("Requests, one a line").input_value().split("\n")
    assert len(lines) == 6 and lines[0] == '{"id":"bag-red","attributes":{"category":"bag","colour":"red"}}'
    keyboard(page, "Start the job")
    page.keyboard.press("Enter")
    waiting = page.locator(".job").filter(has_text="waiting")
    waiting.wait_for()
    assert re.search("0 of 6", waiting.inner_text())
    keyboard(page, "Cancel")
    page.keyboard.press("Enter")
    page.locator(".job").filter(has_text="cancelled").wait_for()
    assert waiting.count() == 0


def test_a_line_that_is_wrong_is_named(open_page, url):
    page = open_page(url, "#jobs")
    page.get_by_label("Requests, one a line").fill('{"id": "a"}\nred mug')
    page.get_by_role("button", name="Start the job").click()
    assert page.get_by_text("Line 2 is not JSON.").is_visible()
    page.get_by_label("Requests, one a line").fill('{"id": "a"}\n{"id": "a"}')
    page.studio.expect(422)
    page.get_by_role("button", name="Start the job").click()
    page.get_by_text("duplicate request id 'a'").wait_for()
