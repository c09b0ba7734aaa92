"""The table of served models: a YAML file that says which folder a name stands for, who sees it, and how traffic is divided.

models:
  shop-a/latest: s3://bucket/models/shop-a-7                                  # name: folder; a relative one lies beside the file
  shop-b/latest: {model: models/b, networks: nets.yaml, tenant: shop-b}       # rows without a tenant are everybody's
  shop-a/next: {model: s3://bucket/models/shop-a-8, tenant: shop-a}
default: shop-a/latest                                                        # without one, --model is the default
traffic:
  shop-a/main: {shop-a/latest: 0.9, shop-a/next: 0.1}
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ganray.errors import ConfigError, GanrayError
from ganray.serving.context import Caller
from ganray.storage import open_object

PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"  # does not begin with a dot: no `..`
Name = Annotated[str, Field(max_length=100, pattern=rf"^{PART}(/{PART})*$")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
REMEDY = "ganray/serving/model_table.py shows such a file"


class Source(NamedTuple):
    """What is loaded: a model folder, and a file of own networks for it."""

    model: str
    networks: str = ""


class ModelRow(BaseModel):
    """One name's folder. `tenant` is whose callers alone see it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: Annotated[str, Field(min_length=1, max_length=1000)]
    networks: Annotated[str, Field(max_length=1000)] = ""
    tenant: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")] = ""

    @property
    def source(self) -> Source:
        """What is to be loaded for it."""
        return Source(self.model, self.networks)


class ModelTable(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    models: dict[Name, ModelRow]
    default: str = ""
    traffic: dict[Name, dict[Name, Share]] = Field(default_factory=dict)

    @field_validator("models", mode="before")
    @classmethod
    def _allow_folders(cls, value: Any) -> Any:
        return {name: {"model": row} if isinstance(row, str) else row for name, row in value.items()} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _check_names(self) -> ModelTable:
        if self.default and self.default not in self.models and self.default not in self.traffic:
            raise ValueError(f"default: {self.default!r} is not among models and traffic")
        for name, shares in self.traffic.items():
            if name in self.models:
                raise ValueError(f"traffic.{name}: a model has that name")
            if unknown := [target for target in shares if target not in self.models and target not in self.traffic]:
                raise ValueError(f"traffic.{name}: {unknown[0]!r} is not among models and traffic")
            if not math.isclose(sum(shares.values()), 1.0, abs_tol=1e-6):
                raise ValueError(f"traffic.{name}: the shares sum to {sum(shares.values()):g}, not to 1")
        for name in self.traffic:
            self._check_circle(name, ())
        for name in self.traffic:
            if len(tenants := {self.models[leaf].tenant for leaf in self.leaves(name)} - {""}) > 1:
                raise ValueError(f"traffic.{name}: it divides between models of several tenants, {', '.join(sorted(tenants))}")
        return self

    def _check_circle(self, name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            raise ValueError(f"traffic.{name}: it leads back to itself, {' -> '.join((*trail, name))}")
        if len(trail) > 8:
            raise ValueError(f"traffic.{trail[0]}: it is divided more than 8 times")
        for target in self.traffic.get(name, {}):
            self._check_circle(target, (*trail, name))

    def leaves(self, name: str) -> dict[str, float]:
        """The models that a name stands for in the end, with their shares."""
        if name not in self.traffic:
            return {name: 1.0}
        found: dict[str, float] = {}
        for target, share in self.traffic[name].items():
            for leaf, part in self.leaves(target).items():
                found[leaf] = found.get(leaf, 0.0) + share * part
        return found

    @cached_property
    def tenants(self) -> dict[str, str]:
        """Whose each name is, those of traffic too; empty: everybody's."""
        own = {name: row.tenant for name, row in self.models.items()}
        return own | {name: max(own[leaf] for leaf in self.leaves(name)) for name in self.traffic}

    def sees(self, caller: Caller, name: str) -> bool:
        """Whether there is such a name for a caller."""
        tenant = self.tenants.get(name)
        return tenant is not None and (not tenant or not caller.tenant or tenant == caller.tenant)

    def names(self, caller: Caller) -> Iterator[str]:
        """The names that a caller sees, in the order of the file."""
        return (name for name in self.tenants if self.sees(caller, name))


def read_table(text: str, place: str, folder: str = "") -> ModelTable:
    """The table of a file's text; relative folders lie under `folder`. Raises ConfigError that names the row."""
    try:
        table = ModelTable.model_validate(yaml.load(text, _Loader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"] if part != "[key]")
            told = ": ".join(part for part in (where, first["msg"].removeprefix("Value error, ")) if part)
        else:
            told = f"it is not YAML: {' '.join(str(error).split())}"
        raise ConfigError(f"{place}: {told}", REMEDY) from None
    rows = {
        name: row.model_copy(update={"model": _placed(row.model, folder), "networks": _placed(row.networks, folder)})
        for name, row in table.models.items()
    }
    return table.model_copy(update={"models": rows})


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: YAML would take the last one, and a model would be another without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """See yaml."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _placed(url: str, folder: str) -> str:
    return url if not url or not folder or "://" in url or url.startswith(("/", "~")) else f"{folder.rstrip('/')}/{url}"


class TableFile:
    """The table of a file that may change, with the row of --model under the name "" where the file names no default."""

    def __init__(self, url: str, base: Source) -> None:
        """Raises ConfigError, StorageError. Without a file there is one model."""
        self._url, self._base = url, ModelRow.model_construct(model=base.model, networks=base.networks, tenant="")
        self._version, self._told = b"", ""
        self.table = ModelTable.model_construct(models={"": self._base}, default="", traffic={})
        if url:
            self._read()

    def refresh(self) -> None:
        """Read the file if it has changed; one that cannot be read leaves the table as it is. A store may take seconds: off the loop."""
        if not self._url:
            return
        try:
            self._read()
            self._told = ""
        except GanrayError as error:
            if str(error) != self._told:
                self._told = str(error)
                logging.getLogger(__name__).error("the models stay as they are: %s", error)

    def _read(self) -> None:
        store, key = open_object(self._url)
        data = store.get(key)
        version = hashlib.sha256(data).digest()
        if version == self._version:
            return
        table = read_table(data.decode("utf-8", "replace"), self._url, store.url)
        if not table.default:
            table = table.model_copy(update={"models": {"": self._base} | table.models})
        self.table, self._version = table, version
