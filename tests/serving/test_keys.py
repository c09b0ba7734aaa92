"""API keys: their form, their file, and how it is read again. No clock but an injected one, and no key in any text."""

import gc
import logging
import threading
from datetime import date

import pytest
import yaml

from ganray.errors import ConfigError, StorageError
from ganray.serving import keys
from ganray.serving.context import Caller
from ganray.serving.keys import ALPHABET, KeyRing, KeyRow, hash_of, is_key, new_key, read_rows
from ganray.storage import open_object

HASH = "ab" * 32


def row(key: str, name: str = "shop-a", **values) -> dict:
    return {"name": name, "hash": hash_of(key), **values}


def text_of(*rows: dict) -> str:
    return yaml.safe_dump({"keys": list(rows)})


def write(url: str, *rows: dict) -> None:
    store, name = open_object(url)
    store.put(name, text_of(*rows).encode())


def test_a_key_has_its_form_and_256_bits():
    made = {new_key() for _ in range(200)}
    assert len(made) == 200 and all(is_key(key) and len(key) == 52 and key.startswith("gr_") for key in made)
    assert len(ALPHABET) ** keys.LENGTH > 2**256
    assert {character for key in made for character in key[3:]} == set(ALPHABET)


def test_one_wrong_character_or_two_that_changed_places_are_a_slip():
    key = new_key()
    for place in range(3, len(key)):
        assert not is_key(key[:place] + ("a" if key[place] != "a" else "b") + key[place + 1 :])
        if place > 3 and key[place] != key[place - 1]:
            assert not is_key(key[: place - 1] + key[place] + key[place - 1] + key[place + 1 :])


@pytest.mark.parametrize("text", ["", "gr_", "x" * 52, "gr_" + "ü" * 49, "gr_" + "\0" * 49, "\udcff", "gr_" + "0" * 100_000])
def test_what_is_no_key_is_told_from_one(text):
    assert not is_key(text)
    assert KeyRing("", {"GANRAY_API_KEYS": text_of(row(new_key()))}).find(text) is None


def test_a_row_says_who_calls():
    key = new_key()
    ring = KeyRing("", {"GANRAY_API_KEYS": text_of(row(key, tenant="a", scopes=["edit"], weight=2))})
    found = ring.find(key)
    assert found.caller == Caller("shop-a", "a", frozenset({"edit"}), 2.0)
    assert ring.find(new_key()) is None and len(ring) == 1


def test_keys_are_required_where_there_is_a_file_or_a_variable():
    assert not KeyRing("", {})
    assert not KeyRing("", {"GANRAY_API_KEYS": " \n"})
    assert KeyRing("", {"GANRAY_API_KEYS": "keys: []"})  # somebody wanted keys, and has none yet: nobody is let in


def test_a_key_ends_with_its_last_day():
    key, today = new_key(), [date(2027, 1, 1)]
    ring = KeyRing("", {"GANRAY_API_KEYS": text_of(row(key, until=date(2027, 1, 1)))}, lambda: today[0])
    assert ring.find(key) is not None
    today[0] = date(2027, 1, 2)
    assert ring.find(key) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("keys: []\n: [", "not valid YAML, line 2"),
        ("keys: [{until: 2027-13-01}]", "not valid YAML (month must be in 1..12"),
        ("keys: []\nkeys: []", "not valid YAML (line 1: a mapping has a key twice)"),
        ("[" * 5000, "not valid YAML"),
        ("5", "Input should be a valid dictionary"),
        ("kyes: []", "kyes: no such field"),
        ("keys: 7", "keys: Input should be a valid tuple"),
        (f"keys: [{{name: a, hash: {HASH}}}, {{name: b}}]", "row 2 (b): hash: Field required"),
        (f"keys: [{{name: shop a, hash: {HASH}}}]", "row 1: name: must be 1 to 64 letters"),
        (f"keys: [{{name: a, hash: {'A' * 64}}}]", "row 1 (a): hash: must be 64 hex digits in lower case"),
        (f"keys: [{{name: a, hash: {HASH}, rate: '20'}}]", "row 1 (a): rate: Input should be a valid number"),
        (f"keys: [{{name: a, hash: {HASH}, rate: .inf}}]", "row 1 (a): rate: Input should be a finite number"),
        (f"keys: [{{name: a, hash: {HASH}, rate: true}}]", "row 1 (a): rate"),
        (f"keys: [{{name: a, hash: {HASH}, burst: 5}}]", "row 1 (a): burst needs a rate"),
        (f"keys: [{{name: a, hash: {HASH}, daily: 0}}]", "row 1 (a): daily: Input should be greater than or equal to 1"),
        (f"keys: [{{name: a, hash: {HASH}, scopes: [draw]}}]", "row 1 (a): scopes.0: Input should be 'generate'"),
        (f"keys: [{{name: a, hash: {HASH}, scopes: []}}]", "row 1 (a): scopes: Tuple should have at least 1 item"),
        (f"keys: [{{name: a, hash: {HASH}, scope: [edit]}}]", "row 1 (a): scope: no such field"),
        (f"keys: [{{name: a, hash: {HASH}}}, {{name: b, hash: {HASH}}}]", "row a: its hash is that of another row"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_the_row(text, message):
    with pytest.raises(ConfigError) as error:
        read_rows(text, "keys.yaml")
    assert message in str(error.value) and str(error.value).startswith("keys.yaml: ") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "wrong", ["{name: KEY, hash: HASH}", "{name: a, hash: KEY}", "{name: a, KEY: 1}", "KEY", "{name: a, hash: HASH, tenant: [KEY]}"]
)
@pytest.mark.parametrize("end", ["", ", : ["])
def test_a_key_in_the_wrong_place_is_not_quoted(wrong, end):
    key = new_key()
    with pytest.raises(ConfigError) as error:
        read_rows(f"keys: [{wrong.replace('KEY', key).replace('HASH', HASH)}{end}]", "keys.yaml")
    assert key not in str(error.value) and key not in repr(error.value)


def test_neither_key_nor_hash_is_in_what_is_printed():
    key = new_key()
    ring = KeyRing("", {"GANRAY_API_KEYS": text_of(row(key))})
    for shown in (repr(ring), repr(ring.find(key)), str(ring.find(key)), repr(ring.find(key).caller)):
        assert key not in shown and hash_of(key) not in shown


@pytest.mark.parametrize("place", ["{tmp}/keys.yaml", "memory://test-keys/keys.yaml"])
def test_a_changed_file_is_read_again(place, tmp_path):
    url = place.format(tmp=tmp_path)
    first, second = new_key(), new_key()
    write(url, row(first))
    ring = KeyRing(url, {"GANRAY_API_KEYS": text_of(row(second))})
    assert ring.find(first) and not ring.find(second)  # a file is all there is
    write(url, row(first), row(second))  # a rotation: both have one name
    ring.refresh()
    assert ring.find(first).name == ring.find(second).name
    write(url, row(second))
    ring.refresh()
    assert not ring.find(first) and ring.find(second)


def test_an_unchanged_file_is_not_read(tmp_path, monkeypatch):
    url = str(tmp_path / "keys.yaml")
    write(url, row(new_key()))
    ring = KeyRing(url)
    monkeypatch.setattr(keys, "read_rows", None)
    ring.refresh()
    assert len(ring) == 1


def test_a_broken_file_keeps_the_keys_and_is_logged_once(tmp_path, caplog):
    url, key = str(tmp_path / "keys.yaml"), new_key()
    write(url, row(key))
    ring = KeyRing(url)
    (tmp_path / "keys.yaml").write_text("keys: [{name: a, hash: 5}]")
    for _ in range(3):
        ring.refresh()
    assert ring.find(key) and [record.getMessage() for record in caplog.records] == [
        f"the API keys stay as they are: {url}: row 1 (a): hash: Input should be a valid string. `ganray key` makes keys and their rows"
    ]
    (tmp_path / "keys.yaml").unlink()
    ring.refresh()
    ring.refresh()
    assert ring.find(key) and len(caplog.records) == 2
    write(url, row(key, name="again"))
    ring.refresh()
    assert ring.find(key).name == "again" and len(caplog.records) == 2


def test_a_file_that_is_absent_too_large_or_binary_is_refused_at_the_start(tmp_path, monkeypatch):
    with pytest.raises(StorageError, match=r"keys\.yaml"):
        KeyRing(str(tmp_path / "keys.yaml"))
    (tmp_path / "keys.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        KeyRing(str(tmp_path / "keys.yaml"))
    monkeypatch.setattr(keys, "MAX_BYTES", 1 << 20)
    (tmp_path / "keys.yaml").write_bytes(b"#" * (2 << 20))
    with pytest.raises(ConfigError, match="at most 1 MiB"):
        KeyRing(str(tmp_path / "keys.yaml"))


def test_a_rotation_under_load_loses_no_request(tmp_path):
    """Threads ask for a key that all versions of the file have, while the file changes again and again."""
    url, kept = str(tmp_path / "keys.yaml"), new_key()
    write(url, row(kept))
    ring, ended, asked, lost = KeyRing(url), threading.Event(), [0], []

    def ask():
        while not ended.is_set():
            asked[0] += 1
            if ring.find(kept) is None:
                lost.append(asked[0])

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(30):
        (tmp_path / "keys.yaml").write_text("keys: [") if number % 5 == 4 else write(url, row(new_key(), "old"), row(kept))
        ring.refresh()
    ended.set()
    for thread in threads:
        thread.join()
    assert asked[0] > 30 and not lost


def test_the_watch_sees_changes_and_ends_with_the_ring(tmp_path, monkeypatch):
    url, key = str(tmp_path / "keys.yaml"), new_key()
    write(url)
    ring, seen = KeyRing(url), threading.Event()
    refresh = KeyRing.refresh

    def observed(self):
        refresh(self)
        if self.find(key):
            seen.set()

    monkeypatch.setattr(KeyRing, "refresh", observed)
    ring.watch(0.001)
    thread = ring._watcher
    ring.watch(0.001)
    assert ring._watcher is thread  # one is enough
    write(url, row(key))
    assert seen.wait(30)
    del ring
    gc.collect()
    thread.join(30)
    assert not thread.is_alive()


def test_the_watch_outlives_an_error_that_nobody_foresaw(tmp_path, monkeypatch, caplog):
    url, calls = str(tmp_path / "keys.yaml"), threading.Semaphore(0)
    write(url)
    ring = KeyRing(url)

    def fails(self):
        calls.release()
        raise ZeroDivisionError

    monkeypatch.setattr(KeyRing, "refresh", fails)
    caplog.set_level(logging.CRITICAL)
    ring.watch(0.001)
    for _ in range(3):
        assert calls.acquire(timeout=30)
    ring.close()
    assert not ring._watcher.is_alive()


def test_thousands_of_keys():
    made = [new_key() for _ in range(3000)]
    ring = KeyRing("", {"GANRAY_API_KEYS": text_of(*(row(key, f"shop-{number}") for number, key in enumerate(made)))})
    assert [ring.find(key).name for key in made[::500]] == [f"shop-{number}" for number in range(0, 3000, 500)]


def test_rows_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        KeyRow(name="a", hash=HASH).name = "b"
