"""What every configuration is made of: frozen, strict about names, and checked again when a copy is changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, NonNegativeInt, ValidationInfo, field_validator

from ganray.errors import ConfigError

ExecutorName = Literal["auto", "local", "ray"]
CopiesBy = Literal["auto", "imagenet", "fingerprint"]  # the names of copies/methods.py


def _number_of(value: object) -> object:
    """Flags and variables are text, which pydantic takes for a number only where every number is allowed."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


NumberFromText = BeforeValidator(_number_of)  # for a choice of numbers
Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """A group of keys: frozen, and strict about names.

    Rules between keys are validators that raise ConfigError. Pydantic lets it through as it is, so that the message and the remedy are the
    same from a flag, from a file and from Python.
    """

    shown_first: ClassVar[tuple[str, ...]] = ()  # in --help, before the keys that verbs share
    shown_last: ClassVar[tuple[str, ...]] = ()
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other values, checked as a new configuration is. Raises ConfigError, pydantic's ValidationError."""
        if not update:
            return super().model_copy(deep=deep)
        values = {name: getattr(self, name) for name in type(self).model_fields} | dict(update)
        return type(self).model_validate(values, by_name=True)

    @field_validator("*", mode="before")
    @classmethod
    def _read_list(cls, value: Any, info: ValidationInfo) -> Any:
        """Lists from one string (a flag, a variable): `a,b`, `["a", "b"]` or empty; `none` for a field that may be unset."""
        kind = str(cls.model_fields[str(info.field_name)].annotation)
        if not isinstance(value, str) or not (kind.startswith("tuple") or kind.endswith("None")):
            return value
        if "None" in kind and value.lower() in ("none", "null", "auto"):
            return None
        if not kind.startswith("tuple"):
            return value
        return json.loads(value) if value.startswith("[") else tuple(part.strip() for part in value.split(",") if part.strip())


class RayConfig(Section):
    """A Ray cluster.

    >>> ganray.RayConfig(address="auto").address
    'auto'
    """

    address: str = Field("", description="Ray cluster to join, e.g. auto; empty starts one on this machine, or joins the job's own")
    num_cpus: NonNegativeInt = Field(0, description="logical CPUs of a cluster started here; 0 = the cores of this machine")


class Placement(Section):
    """Where a verb's work runs."""

    shown_last: ClassVar[tuple[str, ...]] = ("executor", "ray")
    executor: ExecutorName = Field(
        "auto",
        description="where the work runs: local is this process, ray a Ray cluster; auto takes ray where one is joined or asked "
        "for, for several engines or workers, and for work of over a minute",
    )
    ray: RayConfig = Field(RayConfig(), description="the cluster")


class ShardPlacement(Placement):
    """Where the shards of a verb are done."""

    shown_last = ("node_labels", "executor", "ray")
    node_labels: dict[str, str] = Field(
        {},
        description="labels of the nodes that work may run on: ray.io/market-type=spot, several with commas between, or JSON; a value may "
        "also be !spot or, in JSON, in(spot, on-demand). The encoding and writing of generate run anywhere",
    )

    @field_validator("node_labels", mode="before")
    @classmethod
    def _read_labels(cls, value: Any) -> Any:
        """Labels from one string: `name=value,name=value` or JSON."""
        if not isinstance(value, str):
            return value
        if value.startswith("{"):
            return json.loads(value)
        pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
        if wrong := [name for name, sign, _ in pairs if not sign]:
            raise ValueError(f"{wrong[0]} is not of the form name=value")
        return {name: label for name, _, label in pairs}


def refuse_memory(**urls: str) -> None:
    """Raise ConfigError for a URL of a store in memory, which the processes of a cluster do not share."""
    for name, url in urls.items():
        if url.startswith("memory:"):
            raise ConfigError(f"{name} = {url}: memory is not shared between processes", "Use a path, or a bucket")
