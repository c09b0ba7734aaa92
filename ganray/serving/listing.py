"""What a server can do: GET /v1/models, /v1/edits, /v1/profiles."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any

from fastapi import FastAPI, Request

from ganray.edits import EDITS
from ganray.edits.fabric_colours import FABRICS
from ganray.edits.palette import rgb_of
from ganray.profiles import PROFILES, profile
from ganray.serving.context import context_of
from ganray.serving.models import Models


def add_listing(app: FastAPI, models: Models) -> None:
    """Add the paths to the app."""
    edits = {name: list(edit.params.model_fields) for name, edit in EDITS.items()}
    described = {"edits": [_edit_card(name) for name in EDITS], "colours": _colours()}

    @app.get("/v1/models")
    async def list_models(http: Request) -> dict[str, Any]:
        """The served models: attributes and values, whether they read titles, resolution, formats, digest; the names of edits."""
        return {"models": await models.cards(context_of(http.scope).caller), "edits": edits}

    @app.get("/v1/edits")
    async def list_edits() -> dict[str, Any]:
        """The edits, in the order of a chain: what each takes, as JSON schema, and what one value stands for; the names of cloth's
        colours, with how a screen shows them."""
        return described

    @app.get("/v1/profiles")
    async def list_profiles() -> dict[str, Any]:
        """The marketplaces: their rules of today, with source and date."""
        return {"profiles": _profile_cards(date.today())}


def _edit_card(name: str) -> dict[str, Any]:
    edit = EDITS[name]
    return {
        "name": name,
        "stage": edit.stage.name.lower(),
        "params": edit.params.model_json_schema(),
        "short": edit.params.short,
        "picture_in": edit.params.picture_in,
    }


def _colours() -> dict[str, str]:
    return {name: "#" + rgb_of(name).tobytes().hex() for name in FABRICS}


@lru_cache(maxsize=1)
def _profile_cards(day: date) -> list[dict[str, Any]]:
    return [_profile_card(name, day) for name in PROFILES()]


def _profile_card(name: str, day: date) -> dict[str, Any]:
    known = profile(name)
    return {
        "name": name,
        "version": known.version.isoformat(),
        "source": known.source,
        "evidence": known.evidence,
        "rules": known.on(day).model_dump(mode="json", exclude_defaults=True),
    }
