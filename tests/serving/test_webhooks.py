"""Webhooks against real receivers on the loopback."""

import base64
import hmac
import itertools
import json
import socket
import threading
import time
from hashlib import sha256

import pytest

from ganray.errors import ConfigError
from ganray.serving import webhooks
from ganray.serving.job_store import Ended, JobRecord, JobStore
from ganray.serving.refusals import Invalid
from ganray.serving.webhook_targets import TargetRules
from ganray.serving.webhooks import SCHEDULE, Webhooks, body_of, read_secrets, sign
from tests.tools.webhook_receiver import certificates, receiving

SECRET = b"0123456789abcdef01234567"
BODY = b'{"state":"succeeded"}'


@pytest.fixture
def local():
    return Webhooks([SECRET], TargetRules(loopback=True))


def url(server, host="127.0.0.1", scheme="http"):
    return f"{scheme}://{host}:{server.port}/hook"


def test_the_example_of_the_standard():
    """The published test vector of Standard Webhooks' own libraries."""
    secrets = read_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign(secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_is_signed_with_its_id_and_time(local):
    with receiving() as server:
        outcome = local.send(url(server), "msg_1", BODY)
    ((path, headers, body),) = server.received
    assert (outcome.status, outcome.delivered, path, body) == (204, True, "/hook", BODY)
    signed = f"msg_1.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET, signed, sha256).digest()).decode()
    assert (headers["webhook-id"], headers["webhook-signature"]) == ("msg_1", f"v1,{expected}")
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 5
    assert headers["Content-Type"] == "application/json"


def test_two_secrets_sign_while_they_change():
    assert sign([b"a" * 24, b"b" * 24], "m", 1, b"") == f"{sign([b'a' * 24], 'm', 1, b'')} {sign([b'b' * 24], 'm', 1, b'')}"
    assert read_secrets(f"whsec_{base64.b64encode(SECRET).decode()} {SECRET.decode()}") == (SECRET, SECRET)


@pytest.mark.parametrize("text", ["short", "whsec_????", "whsec_c2hvcnQ="])
def test_a_weak_secret_is_refused_and_not_shown(text):
    with pytest.raises(ConfigError) as refused:
        read_secrets(text)
    assert text not in str(refused.value)


def test_a_redirect_is_not_followed(local):
    with receiving(302, 307) as server:
        outcomes = [local.send(url(server), "m", BODY) for _ in range(2)]
    assert [(outcome.status, outcome.delivered) for outcome in outcomes] == [(302, False), (307, False)]
    assert [path for path, _, _ in server.received] == ["/hook", "/hook"]


def test_a_private_target_gets_no_connection():
    with receiving() as server:
        outcome = Webhooks([SECRET]).send(url(server, scheme="https"), "m", BODY)
    assert (outcome.status, outcome.delivered, server.received) == (0, False, [])
    with pytest.raises(Invalid):
        Webhooks([SECRET]).check("https://127.0.0.1/")


def test_a_name_is_resolved_once_and_that_address_is_connected_to():
    """A second answer of the name server, which would lead inside, is never asked for."""
    asked = []
    with receiving() as server:

        def resolve(host, port, **_):
            asked.append(host)
            return [(0, 0, 0, "", ("127.0.0.1" if len(asked) == 1 else "127.0.0.2", port))]

        outcome = Webhooks([SECRET], TargetRules(loopback=True, resolve=resolve)).send(url(server, "shop.example"), "m", BODY)
    assert (outcome.status, asked) == (204, ["shop.example"])
    assert server.received[0][1]["Host"] == f"shop.example:{server.port}"


def test_tls_is_of_the_name_though_the_connection_goes_to_the_address(tmp_path):
    there, here = certificates(tmp_path, "shop.example")
    rules = TargetRules(loopback=True, resolve=lambda host, port, **_: [(0, 0, 0, "", ("127.0.0.1", port))])
    sender = Webhooks([SECRET], rules, here)
    with receiving(context=there) as server:
        assert sender.send(url(server, "shop.example", "https"), "m", BODY).status == 204
        wrong = sender.send(url(server, "other.example", "https"), "m", BODY)
        unknown = Webhooks([SECRET], rules).send(url(server, "shop.example", "https"), "m", BODY)
    assert (wrong.status, unknown.status, len(server.received)) == (0, 0, 1)
    assert wrong.problem == unknown.problem == "no answer: SSLCertVerificationError"
    assert server.names[:2] == ["shop.example", "other.example"]


def drip(part):
    """An answer that never ends: a byte now and then."""

    def answer(handler):
        try:
            if part == "body":
                handler.send_response(200)
                handler.end_headers()
            while True:
                handler.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            handler.close_connection = True

    return answer


@pytest.mark.parametrize("part", ["head", "body"])
def test_an_answer_that_drips_is_cut_off(local, part, monkeypatch):
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 0.5)
    with receiving(drip(part)) as server:
        started = time.monotonic()
        local.send(url(server), "m", BODY)
        assert time.monotonic() - started < 3


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_receiver_that_never_answers_is_cut_off(local, scheme, monkeypatch):
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        outcome = local.send(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/", "m", BODY)
        assert (outcome.status, time.monotonic() - started < 3) == (0, True)


def test_a_huge_answer_is_read_in_part(local):
    sent = []

    def huge(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(1000):
                handler.wfile.write(b"x" * 2**16)
                sent.append(2**16)
        except OSError:
            handler.close_connection = True

    with receiving(huge) as server:
        assert local.send(url(server), "m", BODY).delivered
    assert sum(sent) < 20e6  # what the kernel's buffers hold, not 65 MB


def test_nobody_listens(local):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert local.send(f"http://127.0.0.1:{port}/", "m", BODY).status == 0


@pytest.fixture
def ended(tmp_path):
    """(store, record, how it ended) of a job whose receiver's URL a test fills in."""

    def made(target, seconds_ago=0.0):
        store = JobStore(str(tmp_path / "jobs"))
        record = JobRecord("0" * 11 + "-" + "0" * 12, "shop-a", "k", "generate", 0.0, "result", webhook=target)
        store.add(record, {}, None)
        return store, record, store.end(record, Ended("succeeded", time.time() - seconds_ago))

    return made


def test_attempts_go_on_until_one_is_taken(local, ended, monkeypatch):
    with receiving(500, 503) as server:
        store, record, end = ended(url(server), seconds_ago=100.0)
        dues = []
        while (due := Webhooks([SECRET], TargetRules(loopback=True)).next_due(store, record, end)) is not None:  # a server that starts anew
            dues.append(round(due - end.at))
            local.attempt(store, record, end, {"images": 3})
    assert dues == list(SCHEDULE[:3])
    ids = {headers["webhook-id"] for _, headers, _ in server.received}
    bodies = {body for _, _, body in server.received}
    assert (len(server.received), ids, bodies) == (3, {f"msg_{record.id}"}, {body_of(record, end, {"images": 3})})
    assert json.loads(server.received[0][2]) == {
        "id": record.id,
        "kind": "generate",
        "state": "succeeded",
        "counts": {"images": 3},
        "out": f"shop-a/{record.id}/result",
    }
    assert store.read(record, "webhook/done") == {"delivered": True, "attempts": 3}


def test_the_schedule_is_a_day_with_growing_pauses():
    pauses = [later - earlier for earlier, later in itertools.pairwise(SCHEDULE)]
    assert SCHEDULE[-1] == 24 * 3600 and pauses == sorted(pauses)


@pytest.mark.parametrize("answers, attempts", [([410], 1), ([500] * len(SCHEDULE), len(SCHEDULE))])
def test_attempts_end(local, ended, answers, attempts):
    with receiving(*answers) as server:
        store, record, end = ended(url(server), seconds_ago=90_000.0)
        while local.next_due(store, record, end) is not None:
            local.attempt(store, record, end, {})
    assert (len(server.received), store.read(record, "webhook/done")) == (attempts, {"delivered": False, "attempts": attempts})


def test_of_two_replicas_one_makes_an_attempt(local, ended):
    started = threading.Event()

    def slow(handler):
        started.set()
        time.sleep(0.5)
        handler.send_response(204)
        handler.end_headers()

    with receiving(slow) as server:
        store, record, end = ended(url(server))
        first = threading.Thread(target=local.attempt, args=(store, record, end, {}))
        first.start()
        assert started.wait(5)
        assert local.next_due(store, record, end) > time.time() + 30  # not before the first one counts as cut off
        first.join()
        assert local.next_due(store, record, end) is None
    assert len(server.received) == 1


def test_an_attempt_that_was_cut_off_is_made_again(local, ended, monkeypatch):
    monkeypatch.setattr(webhooks, "LEASE_S", 0.0)
    with receiving() as server:
        store, record, end = ended(url(server), seconds_ago=100.0)
        store.note(record, "webhook/00", {"at": time.time()})  # a server that was killed right then
        assert local.next_due(store, record, end) <= time.time()
        assert local.attempt(store, record, end, {}).delivered
    assert store.read(record, "webhook/done") == {"delivered": True, "attempts": 2}


def test_a_server_without_a_secret_takes_no_webhook():
    with pytest.raises(Invalid, match="no secret"):
        Webhooks([]).check("https://8.8.8.8/")
