import io
import json
import logging

import pytest

from ganray.serving.json_log import REQUEST_ID, REQUESTS, log_as_json

NAMES = ("ganray", "uvicorn", "uvicorn.error", "uvicorn.access", REQUESTS)


@pytest.fixture
def lines():
    """Reads what was logged as JSON."""
    stream = io.StringIO()
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.NOTSET)  # servers of other tests log nothing
    log_as_json(logging.StreamHandler(stream))
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_a_line_is_json_with_the_id_of_its_request(lines):
    token = REQUEST_ID.set("r-7")
    try:
        logging.getLogger("ganray.serving.errors").error('two\nlines and "quotes"')
        try:
            raise OSError("disk")
        except OSError:
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    finally:
        REQUEST_ID.reset(token)
    logging.getLogger("ganray").warning("no request")
    first, second, third = lines()
    assert (first["message"], first["level"], first["request"]) == ('two\nlines and "quotes"', "ERROR", "r-7")
    assert first["logger"] == "ganray.serving.errors" and first["time"].endswith("+00:00")
    assert second["request"] == "r-7" and "OSError: disk" in second["traceback"]
    assert "request" not in third and "traceback" not in third


def test_the_line_of_a_request_is_not_wrapped_again(lines):
    logging.getLogger(REQUESTS).info("%s", json.dumps({"status": 200}))
    assert lines() == [{"status": 200}]
