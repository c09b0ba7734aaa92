import pytest

from ganray.errors import RequestError
from ganray.serving.accept import as_json


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        ("", False),
        ("*/*", False),
        ("image/png", False),
        ("application/json", True),
        ("application/*", True),
        ("application/json;q=0.5, image/png;q=0.6", False),
        ("application/json;q=0.6, image/*;q=0.5", True),
        ("APPLICATION/JSON", True),
        ("application/json;q=0", False),
    ],
)
def test_one_image_is_json_if_json_is_named_with_at_least_its_quality(accept, json):
    assert as_json(1, "image/png", accept) is json


@pytest.mark.parametrize("accept", ["*/*", "application/json", "image/png, */*;q=0.1", "text/html"])
def test_several_images_are_json(accept):
    assert as_json(2, "image/png", accept)


def test_several_images_for_a_client_that_accepts_images_only_are_an_error():
    with pytest.raises(RequestError, match="3 images cannot be sent as one image/webp. Send Accept: application/json"):
        as_json(3, "image/webp", "image/webp")
