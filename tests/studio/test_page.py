"""What holds for every tab: keyboard, languages, colours, narrow screens, keys, prefixes, a server that is away."""

import pytest

from tests.studio.conftest import KEY

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def names(page):
    return page.locator("[role=tab]:visible").all_inner_texts()


def test_tabs_follow_the_arrow_keys(open_page, url):
    page = open_page(url)
    tab = page.get_by_role("tab", name="Generate")
    tab.press("ArrowLeft")
    focused = page.locator(":focus")
    assert focused.inner_text() == "Jobs" and focused.get_attribute("aria-selected") == "true"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert focused.inner_text() == "Edit" and page.get_by_role("tabpanel").count() == 1
    assert page.locator("[role=tab][tabindex='0']").all_inner_texts() == ["Edit"] and page.url.endswith("#edit")


def test_the_keyboard_goes_through_the_page_and_out_again(open_page, url):
    page = open_page(url)
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to content"
    stops = []
    for _ in range(60):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            """() => {
                const node = document.activeElement;
                const style = getComputedStyle(node);
                const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
                return node === document.body ? null : [node.outerHTML.slice(0, 80), seen];
            }"""
        )
        if stop is None:
            break
        stops.append(stop)
    else:
        raise AssertionError("the keyboard does not leave the page")
    assert len(stops) > 10 and [html for html, seen in stops if not seen] == []


@pytest.mark.parametrize(("locale", "language", "tabs"), [
    ("en-GB", "en", ["Generate", "Edit", "Check", "Jobs"]),
    ("zh-CN", "zh-Hans", ["生成", "编辑", "检查", "批量任务"]),
    ("fr-FR", "en", ["Generate", "Edit", "Check", "Jobs"]),
])  # fmt: skip
def test_the_browsers_language_is_taken(open_page, url, locale, language, tabs):
    page = open_page(url, locale=locale)
    assert page.locator("html").get_attribute("lang") == language and names(page) == tabs


def test_language_and_colours_are_switched_and_remembered(open_page, url):
    page = open_page(url, color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_label("Colours").select_option("light")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark == "rgb(20, 21, 19)" and light == "rgb(246, 246, 243)"
    page.get_by_label("Language", exact=True).select_option("zh")
    assert page.title() == "ganray 工作室" and page.get_by_role("button", name="生成", exact=True).is_visible()
    page.reload()
    page.wait_for_selector("[role=tab]:has-text('生成')")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light
    left = page.evaluate(
        """() => [...document.querySelectorAll("body *")]
            .filter((node) => node.checkVisibility() && !node.closest("[lang=en], select, code"))
            .flatMap((node) => [...node.childNodes].filter((child) => child.nodeType === 3)).map((child) => child.data.trim())
            .filter((text) => /[a-z]{3}/i.test(text.replaceAll(/ganray|API|studio/g, "")))"""
    )
    assert left == ["category", "colour"]  # which the model has named


def test_nothing_scrolls_sideways_at_360_pixels(open_page, url, photo):
    page = open_page(url, width=360)
    page.get_by_role("button", name="Generate", exact=True).click()
    page.wait_for_selector(".card img")
    page.get_by_role("button", name="Variations").first.click()
    for button in page.get_by_role("button", name="Blend").all()[:2]:
        button.click()
    page.get_by_text("This request as code").locator("visible=true").click()
    page.get_by_text("API key").first.click()
    widths = {"generate": page.evaluate("document.documentElement.scrollWidth")}
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Edit").click()
    page.locator("#panel-edit input[type=file]").first.set_input_files(photo)
    for name in ("enhance", "recolor", "relabel", "conform", "inpaint"):
        page.get_by_label("Edit to add").select_option(name)
        page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Draw the mask").first.click()
    widths["edit"] = page.evaluate("document.documentElement.scrollWidth")
    for _ in range(4):
        page.get_by_role("button", name="Remove", exact=True).locator("visible=true").last.click()
    page.get_by_role("button", name="Remove", exact=True).locator("visible=true").click()
    page.get_by_label("Edit to add").select_option("white")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Apply edits").click()
    page.wait_for_selector(".result-box")
    widths["edited"] = page.evaluate("document.documentElement.scrollWidth")
    page.get_by_role("tab", name="Check").click()
    page.locator("#panel-check input[type=file]").set_input_files(photo)
    page.locator("#panel-check .run").click()
    page.wait_for_selector(".verdict")
    widths["check"] = page.evaluate("document.documentElement.scrollWidth")
    page.get_by_role("tab", name="Jobs").click()
    page.get_by_role("button", name="Open").last.click()
    page.wait_for_selector("#panel-jobs .card img")
    widths["jobs"] = page.evaluate("document.documentElement.scrollWidth")
    assert set(widths.values()) == {360}, widths


def test_a_key_is_asked_for_used_and_kept_only_on_request(open_page, keyed_url):
    page = open_page(keyed_url, expect=(401,))
    assert page.url == f"{keyed_url}/studio#generate"  # under a prefix
    page.get_by_role("button", name="Enter an API key").click()
    assert page.locator(":focus").get_attribute("type") == "password"
    page.keyboard.type(KEY)
    page.keyboard.press("Enter")
    page.get_by_text("The key is in use.").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Generate", exact=True).click()
    page.wait_for_selector(".card img")
    page.get_by_text("This request as code").locator("visible=true").click()
    page.get_by_text("$GANRAY_KEY").locator("visible=true").first.wait_for()
    text = page.locator("body").inner_text() + page.url + page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "$GANRAY_KEY" in text and KEY not in text
    page.get_by_text("API key", exact=True).first.click()
    page.locator("input[type=password]").fill(KEY)
    page.get_by_label("Keep it while this browser tab is open").check()
    page.get_by_role("button", name="Use this key").click()
    page.wait_for_function("sessionStorage.length === 1")
    page.reload()
    page.wait_for_selector("#panel-generate form:visible")
    page.get_by_text("API key", exact=True).first.click()
    page.get_by_role("button", name="Forget it").click()
    page.get_by_role("button", name="Enter an API key").wait_for()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_server_without_jobs_shows_no_such_tab(open_page, keyed_url):
    page = open_page(keyed_url, "#jobs", expect=(401,))
    assert names(page) == ["Generate", "Edit", "Check"]
    assert page.get_by_role("tab", name="Generate").get_attribute("aria-selected") == "true"


def test_a_server_that_is_away_is_said_and_asked_again(open_page, url):
    page = open_page(url)
    page.context.set_offline(True)
    page.get_by_role("button", name="Generate", exact=True).click()
    page.get_by_text("The server cannot be reached.").wait_for()
    page.studio.faults = [fault for fault in page.studio.faults if "ERR_INTERNET_DISCONNECTED" not in fault]
    page.context.set_offline(False)
    page.get_by_role("button", name="Generate", exact=True).click()
    page.wait_for_selector(".card img")
    assert not page.get_by_text("The server cannot be reached.").is_visible()
