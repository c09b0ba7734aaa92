import pytest
from pydantic import ValidationError

from ganray import requests
from ganray.config import CheckConfig, EditConfig, IngestConfig, ServeConfig
from ganray.config.limits import BYTES_CEILING, MAX_TRUNCATION, PIXELS_CEILING
from ganray.images import codec

OPTIONS = [
    (IngestConfig, {"source": "photos"}),
    (EditConfig, {"source": "photos", "edits": "white"}),
    (ServeConfig, {}),
    (CheckConfig, {"images": "photos", "profile": "shopify"}),
]


@pytest.mark.parametrize(("kind", "more"), OPTIONS)
def test_the_limits_of_photos_can_be_raised_to_a_ceiling(kind, more):
    assert kind(**more, max_pixels=PIXELS_CEILING).max_pixels == PIXELS_CEILING
    with pytest.raises(ValidationError, match="less than or equal to"):
        kind(**more, max_pixels=PIXELS_CEILING + 1)


@pytest.mark.parametrize(("kind", "more"), OPTIONS[:2])
def test_so_can_those_of_files(kind, more):
    assert kind(**more, max_bytes=BYTES_CEILING).max_bytes == BYTES_CEILING
    with pytest.raises(ValidationError, match="less than or equal to"):
        kind(**more, max_bytes=BYTES_CEILING + 1)


def test_the_decoder_knows_the_same_ceiling():
    assert codec.PIXELS_CEILING == PIXELS_CEILING


def test_requests_know_the_same_truncation():
    assert requests.MAX_TRUNCATION == MAX_TRUNCATION
