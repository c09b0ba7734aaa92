import numpy as np
import pytest

from ganray.bulk.profile_filter import ProfileFilter, check_profile
from ganray.errors import RequestError
from ganray.images.codec import encode
from ganray.profiles.checker import check
from ganray.profiles.profile import profile


@pytest.fixture(scope="module")
def failing():
    return ProfileFilter("google-main")


def picture(side):
    pixels = np.full((side, side, 3), 255, np.uint8)
    pixels[side // 10 : -side // 10, side // 10 : -side // 10] = (180, 40, 40)
    return encode(pixels, "png")


def test_a_child_finds_what_the_checker_does(failing):
    for data in (picture(100), picture(600), b"no picture"):
        assert failing(data) == (not check(data, profile("google-main")).passed)
    assert (failing(picture(100)), failing(picture(600))) == (True, False)


def test_a_profile_that_is_not_there_is_refused_with_those_that_are():
    check_profile("google-main")
    with pytest.raises(RequestError, match="google-main"):
        check_profile("gogle-main")
