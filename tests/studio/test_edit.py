"""The tab Edit: photos in, chains, masks, before and after."""

import io

import pytest
from PIL import Image

from ganray.edits.palette import rgb_of

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def bring(page, photo, panel="edit"):
    page.locator(f"#panel-{panel} input[type=file]").first.set_input_files(photo)
    page.wait_for_selector(f"#panel-{panel} img.result:visible")


def add(page, *names):
    for name in names:
        page.get_by_label("Edit to add").select_option(name)
        page.get_by_role("button", name="Add", exact=True).click()


def saved(page):
    with page.expect_download() as download:
        page.locator(".result-box").get_by_role("button", name="Download").click()
    return download.value.path().read_bytes()


def test_a_photo_is_put_on_white_by_keyboard_alone(open_page, keyboard, url, photo):
    page = open_page(url, "#edit")
    with page.expect_file_chooser() as chooser:
        keyboard(page, "Choose a photo")
        page.keyboard.press("Enter")
    chooser.value.set_files(photo)
    page.wait_for_selector("#panel-edit img.result:visible")
    assert "bottle <b>ü.jpg" in page.locator("#panel-edit .drop").inner_text()  # a name is text, whatever is in it
    keyboard(page, "Edit to add", "combobox")
    page.keyboard.type("White")
    keyboard(page, "Add")
    page.keyboard.press("Enter")
    keyboard(page, "Apply edits")
    page.keyboard.press("Enter")
    page.wait_for_selector(".result-box")
    slider = page.get_by_label("How much of the photo before is shown, in percent")
    keyboard(page, "How much of the photo before is shown, in percent", "slider")
    page.keyboard.press("End")
    assert slider.input_value() == "100" and "inset(0px 0% 0px 0px)" in page.locator(".compare .cover").evaluate("n => n.style.clipPath")
    facts = page.locator(".facts").inner_text()
    assert "256 × 256 pixels, JPEG" in facts and "The product was cut out by its plain background." in facts
    assert Image.open(io.BytesIO(saved(page))).getpixel((0, 0)) == (255, 255, 255)


def test_a_chain_has_forms_of_the_schema_and_can_be_put_in_order(open_page, url, photo):
    page = open_page(url, "#edit")
    bring(page, photo)
    add(page, "conform", "upscale", "recolor")
    titles = page.locator(".chain h3")
    assert titles.all_inner_texts() == ["Recolour", "Enlarge", "Marketplace format"]  # in the usual order
    page.get_by_role("button", name="Move up").nth(1).press("Enter")
    assert titles.all_inner_texts() == ["Enlarge", "Recolour", "Marketplace format"]
    page.get_by_role("button", name="Move down").first.press("Enter")
    page.get_by_label("Colour by name or as #rrggbb").fill("Navy")
    assert page.locator("input[type=color]").input_value() == "#" + rgb_of("navy").tobytes().hex()
    page.get_by_label("Colour by name or as #rrggbb").fill("navy")
    page.get_by_label("Marketplace", exact=True).locator("visible=true").select_option("shopify")
    page.get_by_label("File format").locator("visible=true").select_option("png")
    with page.expect_response("**/v1/edit*") as answered:
        page.get_by_role("button", name="Apply edits").click()
    steps = answered.value.json()["images"][0]["edits"]
    assert steps == [{"recolor": {"colour": "navy"}}, {"upscale": {}}, {"conform": {"profile": "shopify", "format": "png"}}]
    page.wait_for_selector(".result-box")
    assert "It is" in page.locator(".facts").inner_text() and Image.open(io.BytesIO(saved(page))).format == "PNG"


def test_every_edit_of_the_server_has_a_form_in_words(open_page, url):
    page = open_page(url, "#edit", locale="zh-CN")
    menu = page.locator(".add select")
    for name in menu.locator("option").evaluate_all("nodes => nodes.map((node) => node.value)"):
        menu.select_option(name)
        page.locator(".add button").click()
    assert page.locator(".chain > li").count() == 12
    assert page.locator(".chain label [lang=en], .chain .help [lang=en], .chain h3 [lang=en]").all_inner_texts() == []


def test_a_mask_is_painted_erased_and_made_of_rectangles(open_page, url, photo):
    page = open_page(url, "#edit")
    bring(page, photo)
    add(page, "inpaint")
    page.get_by_role("button", name="Draw the mask").press("Enter")
    for name, value in (("Left", 64), ("Top", 64), ("Width", 128), ("Height", 128)):
        page.get_by_label(name, exact=True).fill(str(value))
    page.get_by_role("button", name="Add rectangle").press("Enter")
    status = page.get_by_role("region", name="Mask").get_by_role("status")
    assert status.inner_text() == "25 % of the photo is marked."
    page.get_by_label("Width", exact=True).fill("64")
    page.get_by_role("button", name="Erase rectangle").press("Enter")
    assert status.inner_text() == "12.5 % of the photo is marked."
    page.get_by_role("button", name="Undo").press("Enter")
    assert status.inner_text() == "25 % of the photo is marked."
    page.get_by_role("button", name="Clear", exact=True).press("Enter")
    box = page.locator(".mask canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    painted = float(status.inner_text().split()[0])
    assert 0.3 < painted < 3
    before = Image.open(photo).convert("RGB")
    page.get_by_role("button", name="Apply edits").click()
    page.wait_for_selector(".result-box")
    assert "of the photo was filled." in page.locator(".facts").inner_text()
    after = Image.open(io.BytesIO(saved(page))).convert("RGB")
    assert after.size == before.size and after.tobytes() != before.tobytes()


def test_a_photo_may_be_dropped_or_pasted(open_page, url, photo):
    page = open_page(url, "#edit")
    data = list(photo.read_bytes())
    transfer = page.evaluate_handle(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "dropped.jpg", { type: "image/jpeg" }));
            return transfer;
        }""",
        data,
    )
    page.dispatch_event("#panel-edit .drop", "drop", {"dataTransfer": transfer})
    page.get_by_text("dropped.jpg").wait_for()
    page.evaluate("(transfer) => dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer }))", transfer)
    page.wait_for_selector("#panel-edit img.result:visible")
    assert "dropped.jpg" not in page.locator("#panel-check .drop").inner_text()  # only the tab that is open takes it


def test_an_edit_that_is_refused_says_why_and_what_to_do(open_page, url, tmp_path):
    path = tmp_path / "flat.png"
    Image.new("RGB", (64, 64), "white").save(path)
    page = open_page(url, "#edit")
    bring(page, path)
    add(page, "white")
    page.studio.expect(422)
    page.get_by_role("button", name="Apply edits").click()
    error = page.locator("#panel-edit [role=alert] .box")
    error.wait_for()
    assert "looks like a product" in error.inner_text() and "422 · no_product" in error.inner_text()
    assert error.locator("[lang=en]").count() == 2  # message and remedy, in the server's words


def test_what_is_missing_is_asked_for(open_page, url, photo):
    page = open_page(url, "#edit")
    page.get_by_role("button", name="Apply edits").click()
    assert page.get_by_text("Choose a photo first.").is_visible()
    assert page.get_by_role("button", name="Choose a photo").locator("visible=true").evaluate("node => node === document.activeElement")
    bring(page, photo)
    page.get_by_role("button", name="Apply edits").click()
    assert page.get_by_text("Add an edit first.").is_visible()


def test_a_slow_edit_can_be_cancelled(open_page, url, photo):
    page = open_page(url, "#edit")
    bring(page, photo)
    add(page, "vary")
    page.get_by_label("Steps").fill("2000")
    page.get_by_role("button", name="Apply edits").click()
    cancel = page.get_by_role("button", name="Cancel")
    cancel.press("Enter")
    assert page.get_by_text("Cancelled.").is_visible() and not cancel.is_visible()
    assert page.get_by_role("button", name="Apply edits").evaluate("node => node === document.activeElement")  # the focus is not lost
