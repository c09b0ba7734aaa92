"""The files of the studio over HTTP: types, tags, what the page may load, and links that hold under any prefix."""

import asyncio
import re

import httpx
import pytest
from fastapi import FastAPI

from ganray.serving.errors import add_errors
from ganray.serving.studio_page import add_studio, page_files

FILES = page_files()
SCRIPTS = {name: file.data.decode() for name, file in FILES.items() if name.endswith(".js")}


def get(path, method="GET", **headers):
    app = FastAPI()
    add_studio(app)
    add_errors(app)
    outer = FastAPI()
    outer.mount("/shop/v2", app)

    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://test") as client:
            return await client.request(method, f"/shop/v2{path}", headers=headers)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/studio", "text/html; charset=utf-8"),
        ("/studio/main.js", "text/javascript; charset=utf-8"),
        ("/studio/base.css", "text/css; charset=utf-8"),
        ("/studio/icon.svg", "image/svg+xml"),
    ],
)
def test_a_file_has_its_type_and_is_asked_for_again_by_its_tag(path, media_type):
    reply = get(path)
    assert (reply.status_code, reply.headers["content-type"], reply.headers["cache-control"]) == (200, media_type, "no-cache")
    again = get(path, **{"If-None-Match": reply.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"") and again.headers["etag"] == reply.headers["etag"]


def test_the_page_may_load_nothing_from_elsewhere_and_be_in_no_frame():
    headers = get("/studio").headers
    rules = dict(rule.strip().split(" ", 1) for rule in headers["content-security-policy"].split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["img-src"] == "'self' data: blob:" and rules["require-trusted-types-for"] == "'script'"
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fapp.py", "%2e%2e/app.py", "index.htm", "sub/main.js"])
def test_there_is_no_other_file(name):
    reply = get(f"/studio/{name}")
    assert reply.status_code == 404 and reply.json()["error"] == "not_found"


def test_a_slash_at_the_end_leads_to_the_page_under_its_prefix():
    reply = get("/studio/")
    assert reply.status_code == 308 and reply.headers["location"] == "../studio"
    assert str(httpx.URL("http://test/shop/v2/studio/").join(reply.headers["location"])) == "http://test/shop/v2/studio"


def test_every_link_and_import_is_relative_and_leads_to_a_file():
    html = FILES["index.html"].data.decode()
    links = re.findall(r'(?:src|href)="(?!#)([^"]+)"', html)
    assert {link.removeprefix("studio/") for link in links if link != "docs"} <= set(FILES) and len(links) > 5
    for name, text in SCRIPTS.items():
        for target in re.findall(r'from "\./([^"]+)"', text):
            assert target in FILES, f"{name} imports {target}"
    imported = {target for text in SCRIPTS.values() for target in re.findall(r'from "\./([^"]+)"', text)}
    assert set(SCRIPTS) - imported == {"main.js"}, "modules that nothing imports"


def test_text_can_become_no_markup_and_no_file_names_another_server():
    for name, text in SCRIPTS.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(.on", text), name
    for name, file in FILES.items():
        urls = set(re.findall(rb"https?://[^\s\"'`)]+", file.data)) - {b"http://www.w3.org/2000/svg"}
        assert not urls, f"{name}: {urls}"


def test_both_languages_have_the_same_keys_and_places_for_values():
    entry = re.compile(r'^  "([^"]+)": "((?:[^"\\]|\\.)*)",$', re.M)
    english, chinese = (dict(entry.findall(SCRIPTS[name])) for name in ("en.js", "zh.js"))
    assert list(english) == list(chinese) and len(english) > 250
    for key, text in english.items():
        assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", chinese[key])), key
    assert [key for key in english if english[key] == chinese[key]] == ["jobs.lines.hint"]


def test_every_word_that_a_module_asks_for_is_in_the_dictionary():
    known = set(re.findall(r'^  "([^"]+)":', SCRIPTS["en.js"], re.M))
    group = "|".join(sorted({key.split(".")[0] for key in known}))
    modules = {name: text for name, text in SCRIPTS.items() if name not in ("en.js", "zh.js")}
    asked = {(name, key) for name, text in modules.items() for key in re.findall(rf'"((?:{group})\.(?!jpg)[a-z_.]+)"', text)}
    assert {(name, key) for name, key in asked if key not in known} == set() and len(asked) > 150


def test_files_are_short():
    assert {name: lines for name, text in SCRIPTS.items() if (lines := text.count("\n")) > 350} == {}
