"""Ask the address of a cluster who is there, before Ray tries: Ray 2.60 asks without end, or for half a minute, and prints each attempt."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from ganray.errors import ClusterError

CONNECT_S, ANSWER_S = 5.0, 8.0
METHOD = "/ray.rpc.NodeInfoGcsService/GetClusterId"  # what Ray itself asks first; an empty message is one
OTHER_SCHEMES = {
    "http": "Submit the command with `ray job submit --address`, or name the head's control service: HOST:6379",
    "https": "Submit the command with `ray job submit --address`, or name the head's control service: HOST:6379",
    "ray": "ganray does not use Ray Client: run it on a host of the cluster, or `ray job submit` it there",
}
TOKEN_REMEDY = "Set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or ~/.ray/auth_token to the token of the cluster"


def check_address(address: str) -> None:
    """Return where the control service of a Ray cluster answers at HOST:PORT, and takes this process's token.

    Raises ClusterError within CONNECT_S + ANSWER_S. Other words that Ray knows (`auto`) are left to it.
    """
    scheme, separator, _ = address.partition("://")
    if separator and scheme in OTHER_SCHEMES:
        raise ClusterError(f"ray.address {address} is not the address of a cluster's control service", OTHER_SCHEMES[scheme])
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        return
    _connect(address, host.strip("[]"), int(port))
    if os.environ.get("RAY_USE_TLS", "0") != "1":  # its certificates are Ray's own business
        _ask(address)


def token() -> str:
    """The token that this process has for a cluster, where Ray looks for it. Raises ClusterError where there has to be one and is none."""
    mode = os.environ.get("RAY_AUTH_MODE", "").lower()
    if mode == "disabled":
        return ""
    if found := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        return found
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser()
    try:
        found = path.read_text().strip()
    except OSError:
        found = ""
    if mode == "token" and not found:
        raise ClusterError(f"RAY_AUTH_MODE is token, and there is no token: RAY_AUTH_TOKEN is empty, {path} is not there", TOKEN_REMEDY)
    return found


def _connect(address: str, host: str, port: int) -> None:
    try:
        with socket.create_connection((host, port), CONNECT_S):
            return
    except (OSError, OverflowError, UnicodeError) as error:
        reasons: dict[type[Exception], str] = {socket.gaierror: "host not found", TimeoutError: f"no answer in {CONNECT_S:g} s"}
        reason = reasons.get(type(error)) or getattr(error, "strerror", None) or str(error)
        remedy = "Check ray.address (RAY_ADDRESS), that the head runs, and that this host may reach its port"
        raise ClusterError(f"ray.address {address} cannot be reached: {reason}", remedy) from error


def _ask(address: str) -> None:
    """Ask for the cluster's id, with the token."""
    import grpc  # type: ignore[import-untyped]

    has = token()
    metadata = (("authorization", f"Bearer {has}"),) if has else ()
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            channel.unary_unary(METHOD)(b"", metadata=metadata, timeout=ANSWER_S, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAUTHENTICATED:
                if os.environ.get("RAY_ENABLE_K8S_TOKEN_AUTH"):
                    return  # a service account's, which Ray finds by itself
                what = "the token of this command is not the cluster's" if has else "the cluster wants a token, this command has none"
                raise ClusterError(f"ray.address {address}: {what}", TOKEN_REMEDY) from error
            what = "something answers there, but not Ray's control service"
            remedy = "Name the port of `ray start --head` (6379 unless told); the dashboard's and Ray Client's are others"
            raise ClusterError(f"ray.address {address}: {what}", remedy) from error
