"""Where a webhook may go."""

import socket
from ipaddress import ip_address

import pytest

from ganray.serving.refusals import Invalid
from ganray.serving.webhook_targets import TargetRules, is_public

PRIVATE = [
    *("0.0.0.0", "10.1.2.3", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.0.1"),
    *("100.64.0.1", "100.100.100.200", "192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "3fff::1"),
    *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8", "64:ff9b::a00:1", "64:ff9b::808:808", "64:ff9b:1::1"),
    *("2002:7f00:1::", "2002:808:808::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "100::1", "5f00::1", "2606:4700::1%1"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_that_is_public(address):
    assert is_public(ip_address(address))


def rules(*addresses, **options):
    """Rules whose resolver gives these addresses, whatever it is asked."""
    return TargetRules(resolve=lambda host, port, **_: [(0, 0, 0, "", (address, port)) for address in addresses], **options)


def test_a_target_has_the_address_and_keeps_the_name():
    target = rules("8.8.8.8", "1.1.1.1").check("https://Shop.Example.:8443/hook?a=1")
    assert (target.address, target.port, target.host, target.path) == ("8.8.8.8", 8443, "shop.example", "/hook?a=1")
    assert target.authority == "shop.example:8443"
    assert rules("8.8.8.8").check("https://shop.example").authority == "shop.example"
    assert rules("8.8.8.8").check("https://bücher.example/").host == "xn--bcher-kva.example"
    assert rules("2606:4700::1111").check("https://[2606:4700::1111]/").authority == "[2606:4700::1111]"


@pytest.mark.parametrize(
    "url",
    [
        *("http://shop.example/", "ftp://shop.example/", "file:///etc/passwd", "gopher://shop.example/", "//shop.example/", "shop.example"),
        *("https://", "https:///x", "https://shop.example:22/", "https://shop.example:99999/", "https://shop.example:x/", "https://[::1/"),
        *("https://user@shop.example/", "https://user:pass@shop.example/", "https://a@b@shop.example/", "https://shop.example/#x", ""),
        *("https://shop.example/a b", "https://shop.example/\r\nX: y", "https://shop.example/ü", "https://a..b/", f"https://{'a' * 64}.x/"),
    ],
)
def test_a_url_that_is_refused(url):
    with pytest.raises(Invalid):
        rules("8.8.8.8").check(url)


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], []])
def test_every_address_of_a_name_must_be_public(addresses):
    with pytest.raises(Invalid, match="has no public address"):
        rules(*addresses).check("https://shop.example/")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "LOCALHOST", "[::1]", "[::ffff:127.0.0.1]", "0", "[::]"],
)
def test_this_machine_in_any_spelling_is_refused_by_the_real_resolver(host):
    with pytest.raises(Invalid, match="has no public address"):
        TargetRules().check(f"https://{host}/")


def test_a_name_that_is_unknown_and_a_private_one_have_the_same_answer():
    def unknown(*_, **__):
        raise socket.gaierror("no such name")

    messages = []
    for each in (rules("10.0.0.1"), TargetRules(resolve=unknown)):
        with pytest.raises(Invalid) as refused:
            each.check("https://db.internal/")
        messages.append(str(refused.value))
    assert messages[0] == messages[1]


def test_loopback_is_allowed_where_it_is_asked_for_and_nothing_else_is():
    allowed = rules("127.0.0.1", loopback=True).check("http://localhost:5000/hook")
    assert (allowed.address, allowed.port, allowed.tls) == ("127.0.0.1", 5000, False)
    for address, url in (("10.0.0.1", "http://a.example:5000/"), ("8.8.8.8", "http://a.example/"), ("8.8.8.8", "https://a.example:5000/")):
        with pytest.raises(Invalid):
            rules(address, loopback=True).check(url)
