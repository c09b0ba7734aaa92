"""A profile over HTTP is a name, never a file of the server's."""

import pytest

from ganray.errors import RequestError
from ganray.profiles import PROFILES
from ganray.serving.chains import check_profiles


@pytest.mark.parametrize("name", sorted(PROFILES()))
def test_ganray_s_own_profiles_pass_in_every_spelling(name):
    check_profiles([f"conform:{name}", {"conform": name}, {"conform": {"profile": name}}, "white", {"recolor": "red"}])


@pytest.mark.parametrize(
    "spell", [lambda path: f"conform:{path}", lambda path: {"conform": path}, lambda path: {"conform": {"profile": path}}]
)
def test_a_path_is_unknown_whether_the_file_is_there_or_not(tmp_path, spell):
    there = tmp_path / "x.yaml"
    there.write_text("secret: 1")
    for path in (there, tmp_path / "gone.yaml"):
        with pytest.raises(RequestError, match="is unknown. Use one of") as caught:
            check_profiles(["white", spell(str(path))])
        assert "secret" not in str(caught.value)


def test_what_is_no_text_is_left_to_the_chain_s_own_check():
    check_profiles([{"conform": None}, {"conform": {}}, "conform"])
