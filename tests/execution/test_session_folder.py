import os

import pytest

from ganray.errors import ClusterError
from ganray.execution import session_folder as module
from ganray.execution.session_folder import LONGEST_TAIL, SOCKET_PATH, session_folder


@pytest.fixture
def roots(tmp_path_factory, monkeypatch):
    """Short folders in place of /tmp and the others, as far as a test may choose them."""
    root = tmp_path_factory.mktemp("r")
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setattr(module, "SOCKET_PATH", len(os.fsencode(root / "tmp" / "ray-0000000000")) + len(LONGEST_TAIL))
    monkeypatch.setattr(module, "FALLBACKS", (str(root / "tmp"), str(root / "var")))
    return root


def test_rays_own_default_is_taken_where_it_will_do(roots, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(roots))
    assert session_folder() == f"{roots}/ray"
    monkeypatch.setenv("RAY_TMPDIR", str(roots / "s"))
    assert session_folder() == f"{roots}/s/ray"


def test_a_long_tmpdir_is_not_taken(roots, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(roots / ("a" * 90)))
    assert session_folder() == f"{roots}/tmp/ray-{os.getuid()}"


@pytest.mark.parametrize("owner", ["another user's", "a file"])
def test_a_folder_that_is_not_ours_is_not_taken(roots, monkeypatch, owner):
    monkeypatch.setenv("TMPDIR", str(roots))
    uid = 4321 if owner == "another user's" else os.getuid()
    if owner == "a file":
        (roots / "ray").write_text("")
    else:
        (roots / "ray").mkdir()
        monkeypatch.setattr(os, "getuid", lambda: uid)
        for root in ("tmp", "var"):
            (roots / root).mkdir()
        if os.geteuid() != 0:
            pytest.skip("only root gives a folder to somebody else")
        (roots / "tmp" / f"ray-{uid}").mkdir()
        os.chown(roots / "tmp" / f"ray-{uid}", uid, -1)
    assert session_folder() == f"{roots}/tmp/ray-{uid}"


def test_without_any_folder_it_is_one_line_with_the_remedy(roots, monkeypatch):
    monkeypatch.setattr(module, "SOCKET_PATH", 10)
    with pytest.raises(ClusterError, match=r"none of .*/tmp/ray-.* is short and can be written\. Set RAY_TMPDIR"):
        session_folder()


def test_the_longest_path_is_no_shorter_than_rays():
    assert SOCKET_PATH == 107 and len("/tmp/ray") + len(LONGEST_TAIL) < SOCKET_PATH
