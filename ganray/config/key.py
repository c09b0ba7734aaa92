"""The verb `key`."""

from __future__ import annotations

from datetime import date

from pydantic import Field, PositiveFloat, PositiveInt

from ganray.config.base import Section


class KeyConfig(Section):
    """Options of the verb `key`.

    >>> ganray.KeyConfig(name="shop-a", scopes="generate,edit").scopes
    ('generate', 'edit')
    """

    name: str = Field("", description="what the key is called in logs and limits; the same name again: a second key, to replace the first")
    scopes: tuple[str, ...] = Field(
        ("generate", "edit", "check", "models"), description="what it may ask for: generate, edit, check, models, jobs, metrics"
    )
    tenant: str = Field("", description="whose models it sees beside those of everybody; empty = all")
    rate: PositiveFloat | None = Field(None, description="images a second; default: no limit")
    burst: PositiveFloat | None = Field(None, description="images at once; default: ten seconds of the rate")
    daily: PositiveInt | None = Field(None, description="images a day (UTC); default: no limit")
    weight: PositiveFloat = Field(1.0, description="its share of the engine where keys compete, up to 100")
    until: date | None = Field(None, description="YYYY-MM-DD: the last day of the key (UTC); default: no end")
    file: str = Field("", description="URL of a YAML file of keys, which gets the row; empty = print the row")
