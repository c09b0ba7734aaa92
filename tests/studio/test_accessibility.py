"""axe-core finds nothing serious in any tab, in both languages and both colours, with everything open that a tab has."""

import itertools

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
TABS = ("generate", "edit", "check", "jobs")


def fill(page, photo):
    """Bring every tab into the state in which it shows most."""
    page.locator("#panel-generate form .more > summary").click()
    page.locator("#panel-generate .run").first.click()
    page.wait_for_selector("#panel-generate .card img")
    page.locator("#panel-generate .card .actions button:nth-child(4)").first.click()
    for place in (1, 2):
        page.locator(f"#panel-generate .card:nth-child({place}) [aria-pressed]").click()
    page.locator("#panel-generate .snippet > summary").click()
    page.locator("#tab-edit").click()
    page.locator("#panel-edit input[type=file]").first.set_input_files(photo)
    menu = page.locator(".add select")
    for name in ("enhance", "recolor", "relabel", "background", "white"):
        menu.select_option(name)
        page.locator(".add button").click()
    page.locator("#panel-edit .run").click()  # background and white: refused
    page.wait_for_selector("#panel-edit .box.error")
    for _ in range(4):
        page.locator(".chain > li:nth-child(2) .square").last.click()
    page.locator("#panel-edit .run").click()
    page.wait_for_selector(".result-box")
    menu.select_option("inpaint")
    page.locator(".add button").click()
    page.locator("#panel-edit .chain button:not(.square)").first.click()
    page.locator("#tab-check").click()
    page.locator("#panel-check input[type=file]").set_input_files(photo)
    page.locator("#panel-check .run").click()
    page.wait_for_selector(".verdict")
    page.evaluate("document.querySelectorAll('#panel-check details').forEach((node) => (node.open = true))")
    page.locator("#tab-jobs").click()
    page.locator(".job [data-job]").last.click()
    page.wait_for_selector("#panel-jobs .card img")


def test_nothing_serious(open_page, url, photo):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed").Axe()
    page = open_page(url)
    page.studio.expect(400)
    fill(page, photo)
    found = []
    for language, theme, tab in itertools.product(("en", "zh"), ("light", "dark"), TABS):
        page.locator("#settings select").nth(0).select_option(language)
        page.locator("#settings select").nth(1).select_option(theme)
        page.locator(f"#tab-{tab}").click()
        for violation in axe.run(page).response["violations"]:
            where = [node["html"][:160] for node in violation["nodes"][:3]]
            found.append(f"{language} {theme} {tab}: {violation['impact']} {violation['id']}: {violation['help']}: {where}")
    assert not found, "\n".join(found)  # nothing minor, either
