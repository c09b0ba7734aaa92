"""What a server says it can do."""

import asyncio
import re

import httpx
import jsonschema
import pytest

from ganray.config import ServeConfig
from ganray.edits import EDITS
from ganray.profiles import PROFILES
from ganray.serving.app import make_app


@pytest.fixture(scope="module")
def app():
    return make_app(None, ServeConfig())


def get(app, path):
    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return (await client.get(path)).json()

    return asyncio.run(run())


def test_edits_come_with_the_schema_of_their_parameters(app):
    edits = {edit["name"]: edit for edit in get(app, "/v1/edits")["edits"]}
    assert list(edits) == list(EDITS)
    for edit in edits.values():
        jsonschema.Draft202012Validator.check_schema(edit["params"])
    assert (edits["recolor"]["short"], edits["white"]["stage"]) == (EDITS["recolor"].params.short, "ground")


def test_cloth_s_colours_come_as_a_screen_shows_them(app):
    colours = get(app, "/v1/edits")["colours"]
    assert all(re.fullmatch("#[0-9a-f]{6}", code) for code in colours.values())
    navy = bytes.fromhex(colours["navy"][1:])
    assert max(navy) == navy[2] < 128


def test_profiles_come_with_rules_source_and_date(app):
    profiles = {profile["name"]: profile for profile in get(app, "/v1/profiles")["profiles"]}
    assert set(profiles) == set(PROFILES())
    assert profiles["amazon-main"]["rules"]["background"]["kind"] == "white"
    assert all(profile["source"] and len(profile["version"]) == 10 for profile in profiles.values())


def test_models_name_the_edits_too(app):
    assert get(app, "/v1/models") == {"models": [], "edits": {name: list(edit.params.model_fields) for name, edit in EDITS.items()}}
