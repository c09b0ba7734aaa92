"""Where a webhook may go: public addresses alone, or a caller could reach what only the server can reach (SSRF).

A name is resolved once; the connection goes to the very address that was checked, so that a name which is resolved again to another one
(DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from ganray.serving.refusals import Invalid

Address = IPv4Address | IPv6Address
PORTS = frozenset({443, 8443})
REMEDY = "Name an https:// URL of a public host, at port 443 or 8443"
PRINTABLE = re.compile(r"[\x21-\x7e]+")
# `is_global` of older Pythons lets these pass, or they lead elsewhere than they say.
REFUSED_V4 = tuple(
    ip_network(net)
    for net in (
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata at .192
        "192.88.99.0/24",  # relays of 6to4
        "168.63.129.16/32",  # Azure's host, in the middle of public addresses
        "224.0.0.0/3",  # multicast and reserved
    )
)
GLOBAL_V6 = ip_network("2000::/3")  # all that is assigned; NAT64, IPv4-mapped and IPv4-compatible ones lie outside
REFUSED_V6 = tuple(
    ip_network(net)
    for net in (
        "2001::/23",  # protocol assignments; Teredo, which has an IPv4 address inside
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
)
Resolve = Callable[..., list[Any]]  # as socket.getaddrinfo


@dataclass(frozen=True)
class Target:
    """A checked URL: the address to connect to, and the name that TLS and the Host header are to have."""

    address: str
    port: int
    host: str
    path: str
    tls: bool = True

    @property
    def authority(self) -> str:
        """The Host header."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.tls else 80) else f"{name}:{self.port}"


@dataclass(frozen=True)
class TargetRules:
    """What is allowed. `loopback` allows this machine, any port and http:// there, for tests and for a laptop."""

    ports: frozenset[int] = PORTS
    loopback: bool = False
    resolve: Resolve = socket.getaddrinfo

    def check(self, url: str) -> Target:
        """Resolve the URL's host. Raises Invalid where it is not a URL that a webhook may have: one answer for a name that is unknown and
        for one that is private, which would tell a caller what names the server's network has."""
        host, port, path, tls = self._parts(url)
        addresses = self._addresses(host, port)
        if not addresses or not all(is_public(each) or (self.loopback and each.is_loopback) for each in addresses):
            raise Invalid(f"webhook: {host[:100]} has no public address", REMEDY)
        on_loopback = self.loopback and addresses[0].is_loopback
        if not on_loopback and not (tls and port in self.ports):
            raise Invalid(f"webhook: {url[:100]} is not https:// at port {' or '.join(map(str, sorted(self.ports)))}", REMEDY)
        return Target(str(addresses[0]), port, host, path, tls)

    def _parts(self, url: str) -> tuple[str, int, str, bool]:
        try:
            parts = urlsplit(url)
            tls = parts.scheme == "https"
            host, port = (parts.hostname or "").rstrip("."), parts.port
            host = host if ":" in host else host.encode("idna").decode()
        except (ValueError, UnicodeError):
            raise Invalid(f"webhook {url[:100]!r} is not a URL", REMEDY) from None
        if parts.scheme not in ("https", "http") or not host or "@" in parts.netloc or parts.fragment:
            raise Invalid(f"webhook {url[:100]!r} is not a URL of a host, without user and fragment", REMEDY)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not PRINTABLE.fullmatch(host + path):
            raise Invalid(f"webhook {url[:100]!r} has characters that no URL has", "Percent-encode them")
        return host, port or (443 if tls else 80), path, tls

    def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            found = self.resolve(host, port, type=socket.SOCK_STREAM)
            return [ip_address(each[4][0]) for each in found]
        except (OSError, ValueError, UnicodeError):
            return []


def is_public(address: Address) -> bool:
    """Whether everybody could reach this address without this server.

    >>> from ipaddress import ip_address
    >>> [is_public(ip_address(each)) for each in ("8.8.8.8", "10.0.0.1", "::ffff:8.8.8.8", "2606:4700::1111")]
    [True, False, False, True]
    """
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in net for net in REFUSED_V4)
    return address.scope_id is None and address in GLOBAL_V6 and not any(address in net for net in REFUSED_V6)
