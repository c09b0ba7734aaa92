"""What a worker says of the host that it runs on: its software has to be the command's, and errors of that host alone name it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

from ganray import __version__
from ganray.errors import AccessDenied, ClusterError, GanrayError, StoreUnavailable

T = TypeVar("T")
OF_A_HOST = (AccessDenied, StoreUnavailable)  # its credentials, its clock, its route
BYTES_DEPEND_ON = ("torch", "pillow", "numpy")


def versions() -> dict[str, str]:
    """The software of this process that the bytes of a result depend on. What torch is built for (+cpu, +cu130) is the host's own."""
    found = {"ganray": __version__}
    for name in BYTES_DEPEND_ON:
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def require_same(wanted: Mapping[str, str]) -> None:
    """Raise ClusterError where this host has other software than the command."""
    here = versions()
    for name, theirs in wanted.items():
        if here.get(name) != theirs:
            what = f"host {socket.gethostname()} has {name} {here.get(name)}, the command has {theirs}: results could differ"
            raise ClusterError(what, "Install the same on all hosts (or the same image), then run the same command again")


def name_host(error: GanrayError) -> GanrayError:
    """The error with the name of this host, where it may be an error of this host alone."""
    prefix = f"host {socket.gethostname()}: "
    if type(error) not in OF_A_HOST or error.message.startswith(prefix):
        return error
    return type(error)(prefix + error.message, error.remedy)


def naming_host(act: Callable[..., T], *args: Any) -> T:
    """`act(*args)`. Raises what it raises, with the name of this host where it may be an error of this host alone."""
    try:
        return act(*args)
    except OF_A_HOST as error:
        raise name_host(error) from error
