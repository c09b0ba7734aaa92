from datetime import date

import pytest
from pydantic import ValidationError

from ganray.config import KeyConfig


def test_a_key_is_for_what_callers_do_unless_it_says_more():
    config = KeyConfig(name="shop")
    assert config.scopes == ("generate", "edit", "check", "models")
    assert (config.rate, config.daily, config.until) == (None, None, None)


def test_text_of_flags_is_read():
    config = KeyConfig(name="shop", scopes="generate, jobs", until="2027-01-31")
    assert (config.scopes, config.until) == (("generate", "jobs"), date(2027, 1, 31))


@pytest.mark.parametrize("wrong", [{"rate": 0}, {"daily": -1}, {"until": "soon"}, {"scope": "edit"}])
def test_wrong_values_are_refused(wrong):
    with pytest.raises(ValidationError):
        KeyConfig(name="shop", **wrong)
