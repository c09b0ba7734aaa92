import base64
import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganray.client import WebhookError, verify_webhook

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
NOW = 1_790_000_000
BODY = b'{"type": "job.succeeded", "data": {"id": "j"}}'


def signed(body=BODY, key=KEY, id="msg_1", sent=NOW):
    digest = hmac.new(key, f"{id}.{sent}.".encode() + body, hashlib.sha256).digest()
    return {"Webhook-Id": id, "webhook-timestamp": str(sent), "WEBHOOK-SIGNATURE": f"v1,{base64.b64encode(digest).decode()}"}


def code(headers, body=BODY, now=NOW, secret=SECRET):
    with pytest.raises(WebhookError) as caught:
        verify_webhook(secret, headers, body, now)
    return caught.value.code


def test_the_example_of_the_specification():
    """Of standardwebhooks' own documents: a secret, an id, a time, a body and the signature that they give."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    webhook = verify_webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", headers, b'{"test": 2432232314}', now=1614265330)
    assert webhook.payload == {"test": 2432232314}


def test_a_webhook_is_believed_with_any_case_of_its_headers_and_a_secret_in_plain_text():
    webhook = verify_webhook(SECRET, signed(), BODY, NOW)
    assert (webhook.id, webhook.sent, webhook.payload["data"]["id"]) == ("msg_1", NOW, "j")
    assert verify_webhook(KEY.decode(), signed(), BODY, NOW) == webhook


@pytest.mark.parametrize("seconds", [-300, 300])
def test_clocks_may_differ_by_five_minutes(seconds):
    assert verify_webhook(SECRET, signed(), BODY, NOW + seconds)
    assert code(signed(), now=NOW + seconds + (1 if seconds > 0 else -1)) == "time"


def test_an_old_and_a_new_secret_may_both_sign():
    both = signed()
    both["WEBHOOK-SIGNATURE"] = f"v1a,xyz v1,no v1,AAAA {both['WEBHOOK-SIGNATURE']}"
    assert verify_webhook(SECRET, both, BODY, NOW)


def test_what_is_not_signed_with_the_secret_is_refused():
    assert code(signed(key=b"another")) == "signature"
    assert code(signed(), body=BODY + b" ") == "signature"
    assert code({**signed(), "Webhook-Id": "msg_2"}) == "signature"
    assert code({**signed(), "webhook-timestamp": str(NOW + 1)}) == "signature"
    assert code({**signed(), "webhook-timestamp": "soon"}) == "time"
    assert code({}) == "header"
    assert [code(signed(), secret=secret) for secret in ("", "whsec_", "whsec_%%")] == ["secret"] * 3
    assert code(signed(b"no json"), body=b"no json") == "body"


def test_now_is_the_clocks():
    with pytest.raises(WebhookError, match="replay"):
        verify_webhook(SECRET, signed(), BODY)


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=80), st.text(st.characters(max_codepoint=255), max_size=20))
def test_any_header_is_answered(signature, timestamp):
    assert code({**signed(), "WEBHOOK-SIGNATURE": signature}) in ("signature", "header")
    assert code({**signed(), "webhook-timestamp": timestamp}) in ("time", "header", "signature")
