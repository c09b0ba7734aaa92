from xml.etree import ElementTree

from ganray.benchmarks.listing_server import key_of, listing_server, page
from ganray.storage import open_store


def test_the_server_lists_all_keys_in_order(monkeypatch):
    with listing_server(2500) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        keys = [info.key for info in open_store("s3://bucket/photos").list()]
    assert keys == [key_of(place, 2500).removeprefix("photos/") for place in range(2500)] == sorted(keys)
    assert len(ElementTree.fromstring(page(2500, 2000)).findall("{*}Contents")) == 500
