"""Who is let in, through ASGI: keys, scopes, rates, pages of other sites. A clock that tests move; no key in any text."""

import asyncio
import json
import logging
import random
import re
import threading

import pytest
import yaml
from fastapi.routing import APIRoute

from ganray.config import ServeConfig
from ganray.errors import ConfigError
from ganray.serving import access
from ganray.serving.access import CHARGE, NEEDED, OPEN, OPEN_FOLDERS, Access, Guesses, charge_job, charge_more, check_protection
from ganray.serving.app import make_app
from ganray.serving.audit import Audit
from ganray.serving.context import SCOPES, context_of
from ganray.serving.keys import KeyRing, hash_of, new_key
from ganray.serving.metrics import ServerMetrics
from ganray.serving.observing import Observer, Observing
from ganray.serving.rates import LocalLedger
from ganray.serving.refusals import Refusal

KEY, WRONG = new_key(), new_key()
ROW = {"name": "shop-a", "hash": hash_of(KEY), "tenant": "a"}
NOW = 86_400.0 * 1000 + 80_000


class Server:
    """Access around an app that echoes its caller; its clock is `now`."""

    def __init__(self, *rows, anonymous=False, charged=1, by=charge_more):
        self.now, self.reached, self._charged, self._by = NOW, [], charged, by
        self.keys = KeyRing("", {"GANRAY_API_KEYS": yaml.safe_dump({"keys": list(rows or [ROW])})})
        self.app = Access(self._echo, self.keys, LocalLedger(lambda: self.now), anonymous, lambda: self.now)

    async def _echo(self, scope, receive, send):
        self.reached.append(context_of(scope).caller)
        try:
            await self._by(scope, self._charged)
        except Refusal as refusal:
            await send({"type": "http.response.start", "status": refusal.status, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    def ask(self, path="/v1/generate", headers=(), method="POST", **more):
        """Status, headers and JSON of the reply."""
        return asyncio.run(ask(self.app, path, headers, method, **more))

    def status(self, *args, **options):
        return self.ask(*args, **options)[0]


async def ask(app, path, headers=(), method="POST", client=("10.0.0.1", 5), root_path=""):
    read, sent = [], []

    async def receive():
        read.append(1)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    pairs = [(name.lower().encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": pairs,
        "client": client,
        "root_path": root_path,
        "query_string": b"",
    }
    await app(scope, receive, send)
    start, body = sent
    names = {name.decode(): value.decode() for name, value in start["headers"]}
    assert start["status"] == 200 or not read, "the body was read before the request was refused"
    assert not [name for name in names if name.lower().startswith("access-control")]
    return start["status"], names, json.loads(body["body"] or b"{}")


def bearer(key=KEY):
    return [("Authorization", f"Bearer {key}")]


@pytest.mark.parametrize(
    "headers", [bearer(), [("Authorization", f"bearer  {KEY} ")], [("X-API-Key", KEY)], [*bearer(), ("X-API-Key", KEY)]]
)
def test_a_key_is_taken_from_either_header(headers):
    server = Server()
    assert server.status(headers=headers) == 200
    (caller,) = server.reached
    assert (caller.key, caller.tenant, caller.scopes) == ("shop-a", "a", frozenset({"generate", "edit", "check", "models"}))


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ([], "a key is needed"),
        ([("Authorization", "Basic dXNlcjpwYXNz")], "a key is needed"),
        (bearer(WRONG), "the key is unknown, or no longer valid"),
        (bearer(KEY[:-1]), "this is not a key: it was mistyped or cut"),
        (bearer(""), "this is not a key: it was mistyped or cut"),
        ([("X-API-Key", "")], "this is not a key: it was mistyped or cut"),
        ([*bearer(), ("X-API-Key", WRONG)], "the request has several keys that differ"),
        ([("X-API-Key", KEY), ("X-API-Key", WRONG)], "the request has several keys that differ"),
        ([("X-API-Key", b"\xff\x00\r\n" + KEY.encode())], "this is not a key: it was mistyped or cut"),
        ([("Authorization", b"Bearer \xc3\xbc")], "this is not a key: it was mistyped or cut"),
        ([("X-API-Key", "x" * 60_000)], "this is not a key: it was mistyped or cut"),
    ],
)
def test_without_the_right_key_the_reply_is_401(headers, message):
    server = Server()
    status, names, body = server.ask(headers=headers)
    assert (status, body["error"], body["message"]) == (401, "unauthorized", message)
    assert names["www-authenticate"] == "Bearer" and body["remedy"] and not server.reached


def test_a_proxy_s_own_authorization_is_not_a_key():
    assert Server().status(headers=[("Authorization", "Basic dXNlcjpwYXNz"), ("X-API-Key", KEY)]) == 200
    assert Server(anonymous=True).status(headers=[("Authorization", "Basic dXNlcjpwYXNz")]) == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/docs/oauth2-redirect", "/openapi.json", "/studio", "/studio/app.js"])
def test_pages_without_data_are_open(path):
    assert Server().status(path, method="GET") == 200
    assert Server().status(path, bearer(WRONG), "GET") == 200


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/studio2", "/docs.txt", "/healthz/x", "/v1/models", "/V1/MODELS", "//docs", "/v1/../docs", ""]
)
def test_everything_else_needs_a_key(path):
    assert Server().status(path, method="GET") == 401


@pytest.mark.parametrize("path", [*NEEDED, "/v1/generate/", "/v1/jobs/7/cancel"])
def test_each_path_needs_its_scope(path):
    needed = access._scope_of(path)
    others = sorted(SCOPES - {needed})
    assert Server(ROW | {"scopes": [needed]}).status(path, bearer()) == 200
    server = Server(ROW | {"scopes": others})
    status, _, body = server.ask(path, bearer())
    assert (status, body["error"], body["message"]) == (403, "forbidden", f"key shop-a: its scopes do not include {needed}")
    assert not server.reached


def test_a_path_that_is_not_there_is_the_app_s_to_refuse():
    assert Server().status("/v1/editsy", bearer()) == 200


def test_every_path_of_the_app_is_in_the_table():
    app = make_app(None, ServeConfig())
    paths = {route.path for route in app.routes if isinstance(route, APIRoute)}
    assert len(paths) > 5
    open_ones = {path for path in paths if path in OPEN or path.startswith(OPEN_FOLDERS)}
    assert not [path for path in paths - open_ones if access._scope_of(path.partition("{")[0].rstrip("/")) is None]


@pytest.mark.parametrize(
    ("path", "status"), [("/shop/docs", 200), ("/shop/v1/models", 401), ("/docs", 200), ("/shopdocs", 401), ("/shop", 401)]
)
def test_the_prefix_of_the_app_is_not_a_part_of_the_path(path, status):
    assert Server().status(path, method="GET", root_path="/shop") == status


def test_a_preflight_is_refused_with_a_key_or_without():
    for server in (Server(), Server(anonymous=True)):
        for path in ("/v1/generate", "/docs"):
            headers = [("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST")]
            assert server.status(path, headers, "OPTIONS") == 403
            assert server.status(path, [*headers, *bearer()], "OPTIONS") == 403
        assert not server.reached


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 200),  # curl
        ([("Sec-Fetch-Site", "same-origin")], 200),
        ([("Sec-Fetch-Site", "none")], 200),
        ([("Sec-Fetch-Site", "cross-site")], 403),
        ([("Sec-Fetch-Site", "same-site")], 403),
        ([("Sec-Fetch-Site", "cross-site"), ("Origin", "http://localhost:8000"), ("Host", "localhost:8000")], 403),
        ([("Origin", "http://192.168.0.5:8000"), ("Host", "192.168.0.5:8000")], 200),
        ([("Origin", "http://evil.example"), ("Host", "192.168.0.5:8000")], 403),
        ([("Origin", "null"), ("Host", "192.168.0.5:8000")], 403),
        ([("Origin", "http://[::1"), ("Host", "192.168.0.5:8000")], 403),
        ([("Origin", ""), ("Host", "")], 403),
    ],
)
def test_a_page_of_another_site_cannot_use_a_server_without_keys(headers, status):
    assert Server(anonymous=True).status(headers=headers) == status
    assert Server(anonymous=True).status("/v1/models", headers, "GET") == 200  # it cannot read the reply
    assert Server().status(headers=[*headers, *bearer()]) == 200  # it cannot know a key


def test_a_server_for_everybody_still_refuses_a_wrong_key():
    server = Server(anonymous=True)
    assert server.status() == 200 and server.reached[0].key == "local"
    assert server.status(headers=bearer(WRONG)) == 401
    assert server.status(headers=bearer()) == 200 and server.reached[-1].key == "shop-a"


def test_a_web_socket_is_closed():
    sent = []

    async def send(message):
        sent.append(message)

    server = Server(anonymous=True)
    asyncio.run(server.app({"type": "websocket", "path": "/docs", "headers": []}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}] and not server.reached


def test_the_life_of_the_server_is_passed_on():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    asyncio.run(Access(app, KeyRing("", {}), LocalLedger(), False)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]


def test_a_rate_is_429_with_retry_after_and_comes_back():
    server = Server(ROW | {"rate": 0.5, "burst": 2})
    assert [server.status(headers=bearer()) for _ in range(2)] == [200, 200]
    status, names, body = server.ask(headers=bearer())
    assert (status, names["retry-after"], body["error"]) == (429, "2", "rate_limited")
    assert body["message"] == "key shop-a: it has used up its limit (0.5 images a second, 2 at once)"
    assert server.status("/v1/models", bearer(), "GET") == 200  # no image
    server.now += 2
    assert server.status(headers=bearer()) == 200


def test_a_daily_quota_ends_with_the_day():
    server = Server(ROW | {"daily": 1})
    assert server.status(headers=bearer()) == 200
    status, names, body = server.ask(headers=bearer())
    assert (status, names["retry-after"]) == (429, "6400") and body["message"].endswith("(1 images a day)")
    server.now += 6399.5  # half a second before midnight
    status, names, _ = server.ask(headers=bearer())
    assert (status, names["retry-after"]) == (429, "1")


def test_several_images_are_charged_after_the_body_is_read():
    server = Server(ROW | {"rate": 1, "burst": 10}, charged=8)
    assert [server.status(headers=bearer()) for _ in range(2)] == [200, 429]
    assert Server(ROW | {"daily": 5}, charged=8).status(headers=bearer()) == 429
    assert Server(anonymous=True, charged=10**6).status() == 200


def test_a_bulk_job_counts_for_the_day_and_not_for_the_rate():
    server = Server(ROW | {"rate": 1, "burst": 2, "daily": 100, "scopes": ["jobs", "generate"]}, charged=60, by=charge_job)
    assert [server.status("/v1/jobs", bearer()) for _ in range(2)] == [200, 429]
    server.now += 86_400
    assert server.status("/v1/jobs", bearer()) == 200
    assert Server(ROW | {"scopes": ["jobs"]}, charged=10**6, by=charge_job).status("/v1/jobs", bearer()) == 200


def test_a_table_that_nobody_counted_needs_a_key_without_a_day():
    table = {"charged": None, "by": charge_job}
    assert Server(ROW | {"daily": 100, "scopes": ["jobs"]}, **table).status("/v1/jobs", bearer()) == 403
    assert Server(ROW | {"rate": 1, "scopes": ["jobs"]}, **table).status("/v1/jobs", bearer()) == 200
    assert Server(anonymous=True, **table).status("/v1/jobs") == 200


def test_keys_of_one_name_share_an_account():
    second = new_key()
    server = Server(ROW | {"rate": 1, "burst": 2}, ROW | {"rate": 1, "burst": 2, "hash": hash_of(second)})
    assert [server.status(headers=bearer(key)) for key in (KEY, second, KEY, second)] == [200, 200, 429, 429]


def test_unknown_keys_are_throttled_by_address_and_a_right_one_is_not():
    server = Server()
    guesses = [server.status(headers=bearer(new_key())) for _ in range(30)]
    assert guesses == [401] * 20 + [429] * 10
    assert int(server.ask(headers=bearer(WRONG))[1]["retry-after"]) == 60
    assert server.status(headers=bearer()) == 200  # behind one proxy there are many clients
    assert server.status(headers=bearer(WRONG), client=("10.0.0.2", 5)) == 401
    assert server.status(headers=bearer(WRONG), client=None) == 401
    server.now += 60
    assert server.status(headers=bearer(WRONG)) == 401


def test_thousands_of_wrong_keys_and_addresses_take_no_memory(monkeypatch):
    monkeypatch.setattr(access, "MAX_ADDRESSES", 100)
    server = Server()

    async def run():
        for number in range(3000):
            await ask(server.app, "/v1/generate", bearer(f"gr_{number}"), client=(f"10.0.{number // 250}.{number % 250}", 1))

    asyncio.run(run())
    assert len(server.app._guesses) == 100 and len(server.app._ledger) == 0 and len(server.keys) == 1


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),  # of one customer
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("unix:", "", False),
    ],
)
def test_an_address_is_a_network_for_ipv6(first, second, same):
    guesses = Guesses(lambda: 0.0)
    guesses.count(first)
    guesses.count(second)
    assert len(guesses) == (1 if same else 2)


def test_a_rotation_under_load_loses_no_request(tmp_path):
    """Each client goes over to its new key at a moment of its own, between the two changes of the file."""
    path, old, new = tmp_path / "keys.yaml", new_key(), new_key()

    def write(*keys):
        path.with_suffix(".new").write_text(yaml.safe_dump({"keys": [ROW | {"hash": hash_of(key)} for key in keys]}))
        path.with_suffix(".new").replace(path)

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    write(old)
    ring = KeyRing(str(path))
    guarded, statuses, used = Access(app, ring, LocalLedger(), False), [], {old: 0, new: 0}
    phase, dice = [0], random.Random(1)

    async def client():
        while phase[0] < 3:
            key = old if phase[0] == 0 or (phase[0] == 1 and dice.random() < 0.5) else new
            statuses.append((await ask(guarded, "/v1/generate", bearer(key)))[0])
            used[key] += 1
            await asyncio.sleep(0)

    async def rotate():
        for keys in ((old, new), (new,)):
            await asyncio.sleep(0)
            write(*keys)
            if keys == (new,):
                phase[0] = 2  # no client has the old key from here on
            await asyncio.to_thread(ring.refresh)
            phase[0] = max(phase[0], 1)
            for _ in range(50):
                await asyncio.sleep(0)
        phase[0] = 3

    async def run():
        await asyncio.gather(rotate(), *(client() for _ in range(8)))

    asyncio.run(run())
    ring.close()
    assert set(statuses) == {200} and min(used.values()) > 20
    assert asyncio.run(ask(guarded, "/v1/generate", bearer(old)))[0] == 401


def test_the_file_is_watched_from_the_first_request(tmp_path):
    (tmp_path / "keys.yaml").write_text("keys: []")
    ring = KeyRing(str(tmp_path / "keys.yaml"))
    Access(None, ring, LocalLedger(), False)
    assert any(thread.name == "keys" for thread in threading.enumerate())
    ring.close()
    assert not ring._watcher.is_alive()


def test_a_key_is_in_no_log_no_audit_no_reply_and_no_repr(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    limited = new_key()
    server = Server(ROW, {"name": "limited", "hash": hash_of(limited), "rate": 1e-6, "burst": 1, "scopes": ["edit"]})
    audit = Audit(str(tmp_path / "audit.jsonl"))
    app = Observing(server.app, Observer(ServerMetrics(), audit))
    seen = []
    for key in (KEY, limited, WRONG, KEY[:-1], KEY + "x", "gr_Grüße", f"{KEY} {KEY}"):
        for headers in (bearer(key), [("X-API-Key", key)], [*bearer(key), ("X-API-Key", WRONG)], [("Authorization", key)]):
            for path in ("/v1/generate", "/v1/edit", "/nowhere"):
                seen.append(repr(asyncio.run(ask(app, path, headers))))
    audit.close()
    seen += [
        caplog.text,
        (tmp_path / "audit.jsonl").read_text(),
        repr(server.app),
        repr(server.keys),
        repr(server.reached),
        repr(vars(server)),
    ]
    texts = "\n".join(seen)
    assert {int(status) for status in re.findall(r"^\((\d+)", texts, re.M)} == {200, 401, 403, 429}
    assert (tmp_path / "audit.jsonl").read_text().count("\n") == 7 * 4 * 3
    for key in (KEY, limited, WRONG):
        assert key[3:20] not in texts and hash_of(key) not in texts


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.5", "shop.example", ""])
def test_a_server_that_can_be_reached_needs_keys_or_a_word(host, tmp_path, monkeypatch):
    monkeypatch.delenv("GANRAY_API_KEYS", raising=False)
    with pytest.raises(ConfigError, match=rf"serve: {host} ?can be reached .* no keys\. Make one: ganray key .* Or --anonymous"):
        check_protection(ServeConfig(host=host))
    check_protection(ServeConfig(host=host, anonymous=True))
    (tmp_path / "keys.yaml").write_text("keys: []")
    check_protection(ServeConfig(host=host, keys=str(tmp_path / "keys.yaml")))
    monkeypatch.setenv("GANRAY_API_KEYS", yaml.safe_dump({"keys": [ROW]}))
    check_protection(ServeConfig(host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1", "[::1]"])
def test_a_laptop_needs_none(host, monkeypatch):
    monkeypatch.delenv("GANRAY_API_KEYS", raising=False)
    assert access.anonymous_allowed(ServeConfig(host=host), KeyRing("", {}))
    monkeypatch.setenv("GANRAY_API_KEYS", "keys: []")
    assert not access.anonymous_allowed(ServeConfig(host=host), KeyRing(""))  # whoever has keys means them


def test_keys_that_cannot_be_read_are_told_before_a_model_is_loaded(monkeypatch):
    monkeypatch.setenv("GANRAY_API_KEYS", "keys: [{name: a}]")
    with pytest.raises(ConfigError, match=r"\$GANRAY_API_KEYS: row 1 \(a\): hash: Field required"):
        check_protection(ServeConfig())


def test_what_is_charged_is_left_to_routes_that_make_images():
    scope = {"state": {}}
    asyncio.run(charge_more(scope, 5))
    assert CHARGE not in scope["state"]
