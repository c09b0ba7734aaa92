"""The address that a server listens on."""

from __future__ import annotations

import socket

from ganray.errors import ConfigError


def check_port(host: str, port: int) -> None:
    """Raise ConfigError for a port in use: a server would only log it, or wait."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(f"serve: port {port} on {host}: {error.strerror}", "Choose another --port or --host") from error
