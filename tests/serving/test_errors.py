import json

import pytest

from ganray.errors import EditError, ImageError, RequestError, StorageError
from ganray.serving.errors import error_reply
from ganray.serving.refusals import Busy, Invalid, TooLarge, Unhealthy


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RequestError("no"), 400),
        (TooLarge("no"), 413),
        (Invalid("no"), 422),
        (EditError("too_small", "no"), 422),
        (ImageError("truncated", "no"), 422),
        (StorageError("no"), 500),
        (ImageError("label_unverified", "no"), 500),
        (Busy("no"), 503),
        (Unhealthy("no"), 503),
    ],
)
def test_the_status_says_who_can_mend_it(error, status):
    reply = error_reply(error)
    assert reply.status_code == status
    assert ("retry-after" in reply.headers) == (status == 503)


def test_the_body_has_code_message_and_remedy_and_for_photos_a_reason():
    assert json.loads(error_reply(RequestError("count 0", "Use 1")).body) == {"error": "request", "message": "count 0", "remedy": "Use 1"}
    assert json.loads(error_reply(EditError("too_small", "1x1")).body)["reason"] == "too_small"
