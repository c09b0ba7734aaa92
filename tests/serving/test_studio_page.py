"""The studio's files over HTTP: types, caching, and a policy that lets a page ask its own server alone. In a browser: tests/studio."""

import asyncio
import re

import httpx
import pytest
from fastapi import FastAPI

from ganray.serving.errors import add_errors
from ganray.serving.studio_page import add_studio, page_files


def get(path, **headers):
    app = FastAPI()
    add_errors(app)
    add_studio(app)

    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return asyncio.run(run())


@pytest.mark.parametrize("name", sorted(page_files()))
def test_each_file_comes_with_its_type_and_a_tag(name):
    reply = get(f"/studio/{name}")
    assert reply.status_code == 200
    assert reply.headers["content-type"].split(";")[0] == page_files()[name].media_type.split(";")[0]
    assert get(f"/studio/{name}", If_None_Match=reply.headers["etag"]).status_code == 304


def test_the_page_may_ask_its_own_server_alone():
    page = get("/studio")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy or "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"


def test_no_file_names_another_server():
    for name, file in page_files().items():
        urls = set(re.findall(r"https?://[^\s\"'`)<]+", file.data.decode()))
        assert all(url.startswith("http://www.w3.org/") for url in urls), (name, urls)


@pytest.mark.parametrize("path", ["/studio/nothing.js", "/studio/..%2fapp.py", "/studio/index.html/x"])
def test_nothing_else_is_served(path):
    assert get(path).status_code == 404
