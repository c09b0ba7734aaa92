"""Which network interface of this machine has an address."""

from __future__ import annotations

import socket
import struct

GET_ADDRESS = 0x8915  # SIOCGIFADDR of Linux


def interface_of(address: str) -> str:
    """The name of the interface with an IPv4 address, such as `eth0`; empty where none has it, or the system does not say."""
    try:
        import fcntl

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            for _, name in socket.if_nameindex():
                request = struct.pack("256s", name[:15].encode())
                try:
                    found = socket.inet_ntoa(fcntl.ioctl(probe.fileno(), GET_ADDRESS, request)[20:24])
                except OSError:  # an interface without an address
                    continue
                if found == address:
                    return name
    except (ImportError, OSError):
        return ""
    return ""
