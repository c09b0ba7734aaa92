"""The tab Check: what fails, and what mends it."""

import pytest

from ganray.catalog.sample import draw, product
from ganray.images.codec import encode

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_what_fails_is_mended_by_keyboard_alone(open_page, keyboard, url, tmp_path):
    path = tmp_path / "grey.png"
    pixels, _ = draw(product(5, 1), 640)
    path.write_bytes(encode((pixels // 255 * 5 + pixels // 255 * 235 + pixels % 255).clip(0, 255).astype("uint8"), "png"))
    page = open_page(url, "#check")
    with page.expect_file_chooser() as chooser:
        keyboard(page, "Choose a photo")
        page.keyboard.press("Enter")
    chooser.value.set_files(path)
    page.wait_for_selector("#panel-check img.result:visible")
    keyboard(page, "Check")
    page.keyboard.press("Enter")
    page.wait_for_selector(".verdict")
    assert "fails 1 of the rules" in page.locator(".verdict").inner_text()
    assert "Background" in page.locator(".finding.fails").inner_text() and "Wanted" in page.locator(".finding.fails").inner_text()
    assert page.get_by_text("White background → Marketplace format").is_visible()
    keyboard(page, "Apply what mends it")
    page.keyboard.press("Enter")
    assert page.get_by_role("tab", name="Edit").get_attribute("aria-selected") == "true"
    assert page.locator(".chain h3").all_inner_texts() == ["White background", "Marketplace format"]
    assert page.locator(".chain select").first.input_value() == "amazon-main"
    keyboard(page, "Apply edits")
    page.keyboard.press("Enter")
    page.wait_for_selector(".result-box")
    page.locator(".result-box").get_by_role("button", name="Check").click()
    page.wait_for_selector("#panel-check img.result:visible")
    page.locator("#panel-check .run").click()
    page.wait_for_selector(".verdict.good")
    assert page.get_by_text("It passes.").is_visible()


def test_another_marketplace_and_the_code_of_the_request(open_page, url, photo):
    page = open_page(url, "#check")
    page.get_by_label("Marketplace", exact=True).locator("visible=true").select_option("taobao-main")
    assert "taobao" in page.locator("#panel-check .help").filter(has_text="Rules of").inner_text()
    page.locator("#panel-check input[type=file]").set_input_files(photo)
    page.get_by_text("This request as code").locator("visible=true").click()
    code = page.locator("#panel-check pre").inner_text()
    assert "-F 'photo=@\"bottle <b>ü.jpg\"'" in code and '--form-string \'request={"profile":"taobao-main"}\'' in code


def test_a_file_that_is_no_picture(open_page, url, tmp_path):
    path = tmp_path / "notes.png"
    path.write_bytes(b"not a picture")
    page = open_page(url, "#check")
    page.locator("#panel-check input[type=file]").set_input_files(path)
    page.get_by_text("Your browser cannot show this photo.").locator("visible=true").wait_for()
    page.locator("#panel-check .run").click()
    page.wait_for_selector(".verdict.error")
    assert (
        "Readable file" in page.locator(".finding.fails").inner_text() and "unknown_format" in page.locator(".finding.fails").inner_text()
    )


def test_a_picture_of_this_page_is_checked(open_page, url):
    page = open_page(url)
    page.get_by_role("button", name="Generate", exact=True).click()
    page.locator(".card").first.get_by_role("button", name="Check").click()
    page.wait_for_selector("#panel-check img.result:visible")
    page.locator("#panel-check .run").click()
    page.wait_for_selector(".verdict.error")
    assert "Photo, not drawn by AI" in page.locator(".finding.fails").all_inner_texts()[-1]  # its label says what it is
    assert page.get_by_text("No edit mends this by itself.").is_visible()
