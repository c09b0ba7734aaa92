"""What stands around an app, as its configuration says."""

import pytest
import yaml

from ganray.config import ServeConfig
from ganray.errors import ConfigError
from ganray.serving.keys import hash_of, new_key
from ganray.serving.services import Services


def test_a_laptop_needs_no_keys():
    services = Services.of(ServeConfig())
    assert (services.anonymous, services.audit) == (True, None)


def test_keys_close_it(tmp_path):
    path = tmp_path / "keys.yaml"
    path.write_text(yaml.safe_dump({"keys": [{"name": "a", "hash": hash_of(new_key())}]}))
    assert not Services.of(ServeConfig(keys=str(path))).anonymous


def test_who_can_be_reached_needs_keys_or_a_word():
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0"):
        Services.of(ServeConfig(host="0.0.0.0"))
    assert Services.of(ServeConfig(host="0.0.0.0", anonymous=True)).anonymous
