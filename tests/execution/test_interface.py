from __future__ import annotations

import socket

from ganray.execution.interface import interface_of


def test_the_loopback_has_its_address():
    assert interface_of("127.0.0.1") == "lo"
    assert interface_of("127.0.0.1") in [name for _, name in socket.if_nameindex()]


def test_an_address_of_another_machine_is_on_none():
    assert interface_of("192.0.2.1") == ""
    assert interface_of("not an address") == ""
