"""Reads `networks.yaml`: which ONNX file is whose network, and where it lies. The files themselves are read when they are opened."""

from __future__ import annotations

import difflib
from typing import Any

import yaml
from pydantic import ValidationError

from ganray.config.networks import NetworkFile, Networks
from ganray.errors import ConfigError
from ganray.storage import open_object, open_store

NETWORKS = "networks.yaml"  # its name in a model folder
REMEDY = "jobs/README.md, Own networks, has every key and examples"


def has_networks(folder: str) -> bool:
    """Whether a model folder names networks of its own."""
    return open_store(folder).exists(NETWORKS)


def networks_of(folder: str) -> str:
    """The URL of a model folder's `networks.yaml`."""
    return open_store(folder).url_of(NETWORKS)


def read_networks(url: str) -> dict[str, NetworkFile]:
    """The rows of a `networks.yaml` by task, the places of their files as URLs.

    Raises ConfigError for a file that is no YAML, an unknown key and a wrong value, and StorageError.
    """
    store, key = open_object(url)
    try:
        read = yaml.safe_load(store.get(key).decode())
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: not UTF-8, no such date, a number of 5,000 digits
        raise ConfigError(f"{url}: not valid YAML ({error})", REMEDY) from None
    if not isinstance(read, dict) or not read:
        raise ConfigError(f"{url}: names no network", f"Give it keys among {', '.join(Networks.model_fields)}; {REMEDY}")
    try:
        rows = Networks.model_validate(read).rows()
    except ValidationError as error:
        raise _explained(url, read, error) from None
    return {task: row.model_copy(update={"url": _placed(row.url, store.url)}) for task, row in rows.items()}


def network_rows(folder: str, networks: str = "") -> dict[str, NetworkFile]:
    """The rows of a model folder's `networks.yaml`, if any, and over them those of the file `networks`. Raises as `read_networks`."""
    rows = read_networks(networks_of(folder)) if folder and has_networks(folder) else {}
    return rows | (read_networks(networks) if networks else {})


def read_file(row: NetworkFile) -> bytes:
    """The bytes of a row's file. Raises StorageError."""
    store, key = open_object(row.url)
    return store.get(key)


def version_of(row: NetworkFile) -> str:
    """The etag of a row's file: another one may be another file. Raises StorageError."""
    store, key = open_object(row.url)
    return store.head(key).etag


def size_of(row: NetworkFile) -> int:
    """Bytes of a row's file. Raises StorageError."""
    store, key = open_object(row.url)
    return store.head(key).size


def _placed(url: str, folder: str) -> str:
    """A URL, or a path from the folder of the YAML file, as a URL."""
    return url if "://" in url or url.startswith(("/", "~")) else f"{folder.rstrip('/')}/{url}"


def _explained(url: str, read: dict[Any, Any], error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        known = list(Networks.model_fields if len(first["loc"]) == 1 else NetworkFile.model_fields)
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else f", the keys are {', '.join(known)}"
        return ConfigError(f"{url}: {key}: no such key{hint}{more}", REMEDY)
    if first["type"] == "missing":
        return ConfigError(f"{url}: {key} is missing{more}", "`sha256sum FILE` prints it" if key.endswith("sha256") else REMEDY)
    problem = first["msg"].removeprefix("Value error, ")
    shown = "" if isinstance(first["input"], dict) else f" = {first['input']!r}"
    return ConfigError(f"{url}: {key}{shown}: {problem}{more}".replace(": : ", ": "), REMEDY)
