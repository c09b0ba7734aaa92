import socket

import pytest

from ganray import __version__
from ganray.errors import AccessDenied, ClusterError, ObjectNotFound, StoreUnavailable
from ganray.execution import host
from ganray.execution.host import name_host, naming_host, require_same, versions

HERE = socket.gethostname()


def test_the_same_software_is_let_in():
    assert versions()["ganray"] == __version__
    require_same(versions())


@pytest.mark.parametrize("name", ["ganray", "torch", "pillow", "numpy"])
def test_other_software_is_refused_with_the_host_and_both_versions(name):
    mine = versions()[name]
    with pytest.raises(ClusterError, match=f"host {HERE} has {name} {mine}, the command has 0.0.0") as caught:
        require_same(versions() | {name: "0.0.0"})
    assert "Install the same" in caught.value.remedy


def test_what_torch_is_built_for_is_the_hosts_own(monkeypatch):
    found = {}
    for build in ("2.9.1+cpu", "2.9.1+cu130", "2.9.1"):
        monkeypatch.setattr(host, "version", lambda name, build=build: build)
        found[build] = versions()["torch"]
    assert set(found.values()) == {"2.9.1"}


def test_what_may_be_an_error_of_one_host_names_it_once():
    def fail(error):
        raise error

    for kind in (AccessDenied, StoreUnavailable):
        error = kind("s3://b/k: timeout", "Check the network.")
        with pytest.raises(kind, match=f"^host {HERE}: s3://b/k: timeout. Check the network.$") as caught:
            naming_host(fail, error)
        assert str(name_host(caught.value)) == str(caught.value)
    absent = ObjectNotFound("s3://b/k does not exist")
    assert name_host(absent) is absent
    assert naming_host(len, "abc") == 3
