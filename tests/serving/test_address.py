"""A port in use is told before anything starts."""

import socket

import pytest

from ganray.errors import ConfigError
from ganray.serving.address import check_port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_in_use_is_one_line(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as taken:
        taken.bind((host, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"serve: port {port} on {host}: Address already in use. Choose another"):
            check_port(host, port)
    check_port(host, port)


def test_an_address_of_another_machine_is_one_line():
    with pytest.raises(ConfigError, match="on 192.0.2.1: Cannot assign requested address"):
        check_port("192.0.2.1", 8000)
