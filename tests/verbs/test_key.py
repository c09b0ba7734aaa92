"""The verb `key`: a key that is shown once, and a row that a server's ring of keys finds it by."""

import re
import threading

import pytest
import yaml

from ganray.cli import main
from ganray.config import KeyConfig
from ganray.errors import ConfigError, StorageError
from ganray.serving.keys import KeyRing, hash_of, is_key, read_rows
from ganray.storage import open_object
from ganray.storage.local import LocalStore
from ganray.verbs.key import key


def shown_key(text: str) -> str:
    (found,) = re.findall(r"gr_\w+", text)
    return found


def test_a_key_is_shown_once_with_a_row_to_paste(capsys):
    assert main(["key", "--name", "shop-a", "--scopes", "generate,edit", "--tenant", "a", "--rate", "20", "--until", "2027-01-01"]) == 0
    text = capsys.readouterr().out
    made = shown_key(text)
    assert text.startswith(f"{made}\n") and is_key(made)
    ring = KeyRing("", {"GANRAY_API_KEYS": "keys:\n" + text.splitlines()[-1]})
    row = ring.find(made)
    assert (row.name, row.tenant, row.scopes, row.rate, row.until.isoformat()) == ("shop-a", "a", ("generate", "edit"), 20, "2027-01-01")


@pytest.mark.parametrize("place", ["{tmp}/new/keys.yaml", "memory://test-verb-key/keys.yaml"])
def test_rows_are_added_to_a_file_and_a_running_server_finds_them(place, tmp_path, capsys):
    url = place.format(tmp=tmp_path)
    assert main(["key", "--name", "shop-a", "--file", url]) == 0
    first, ring = shown_key(capsys.readouterr().out), KeyRing(url)
    assert main(["key", "--name", "shop-a", "--file", url, "--daily", "5"]) == 0  # the same name: a rotation
    second = shown_key(capsys.readouterr().out)
    ring.refresh()
    assert ring.find(first).daily is None and ring.find(second).daily == 5
    store, name = open_object(url)
    text = store.get(name).decode()
    assert first not in text and second not in text and hash_of(first) in text
    assert [info.key for info in store.list()] == [name]  # no lock is left


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("# who has which\nkeys:  # all\n  - name: a\n    hash: HASH\n  # the next\n", ("# who has which", "# all", "# the next")),
        ("keys:\n- {name: a, hash: HASH} # flat", ("# flat",)),
        ("keys: [{name: a, hash: HASH}]\n", ()),
        ("{keys: []}", ()),
        ("keys:\n", ()),
        ("# nothing yet\n", ()),
        ("", ()),
    ],
)
def test_a_file_of_any_style_keeps_its_rows_and_where_possible_its_comments(tmp_path, text, kept):
    path = tmp_path / "keys.yaml"
    path.write_text(text.replace("HASH", "ab" * 32))
    before = read_rows(path.read_text(), "before")
    made = key(KeyConfig(name="b", weight=2, file=str(path)))
    after = read_rows(path.read_text(), "after")
    assert {hash_: after[hash_] for hash_ in before} == before and len(after) == len(before) + 1
    assert after[hash_of(made.key)].weight == 2
    assert all(comment in path.read_text() for comment in kept)


def test_a_file_with_errors_is_left_alone(tmp_path, capsys):
    path = tmp_path / "keys.yaml"
    path.write_text("keys: [{name: a}]")
    assert main(["key", "--name", "b", "--file", str(path)]) == 2
    output = capsys.readouterr()
    assert "row 1 (a): hash: Field required" in output.err and "gr_" not in output.out + output.err
    assert path.read_text() == "keys: [{name: a}]" and [each.name for each in tmp_path.iterdir()] == ["keys.yaml"]


def test_a_file_that_changes_at_the_same_moment_is_left_alone(tmp_path, monkeypatch):
    path = tmp_path / "keys.yaml"
    path.write_text("keys: []\n")
    get = LocalStore.get

    def slow(self, name):
        data = get(self, name)
        path.write_text("keys: []  # by hand\n")
        return data

    monkeypatch.setattr(LocalStore, "get", slow)
    with pytest.raises(StorageError, match="changed while the row was added to it"):
        key(KeyConfig(name="a", file=str(path)))
    assert path.read_text() == "keys: []  # by hand\n" and len(list(tmp_path.iterdir())) == 1


def test_commands_at_the_same_time_lose_no_row(tmp_path):
    url, made, refused = str(tmp_path / "keys.yaml"), [], []

    def add(number):
        for _ in range(5):
            try:
                made.append(key(KeyConfig(name=f"shop-{number}", file=url)).key)
            except StorageError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) + len(refused) == 20 and all("another command adds a key" in error for error in refused)
    assert set(read_rows((tmp_path / "keys.yaml").read_text(), url)) == {hash_of(each) for each in made} != set()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "key: name = '': must be 1 to 64 letters"),
        ({"name": "a b"}, "key: name = 'a b'"),
        ({"name": "a", "scopes": ("draw",)}, r"key: scopes = \('draw',\): Input should be 'generate'"),
        ({"name": "a", "burst": 5}, "key: burst = 5.0: burst needs a rate"),
        ({"name": "a", "weight": 1000}, "key: weight = 1000.0"),
        ({"name": "a", "tenant": "a/b"}, "key: tenant = 'a/b'"),
        ({"name": "gr_secret"}, "key: name: begins with gr_"),
    ],
)
def test_values_that_no_row_may_have_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        key(KeyConfig(**options))


def test_the_key_is_not_in_what_python_prints_by_itself():
    made = key(KeyConfig(name="a"))
    assert made.key not in repr(made) and yaml.safe_load(made.row)["hash"] == hash_of(made.key)
