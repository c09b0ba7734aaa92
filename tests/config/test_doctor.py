import pytest

from ganray.config import DoctorConfig
from ganray.errors import ConfigError


def test_by_default_nothing_but_this_machine_is_looked_at():
    config = DoctorConfig()
    assert (config.store, config.executor, config.ray.address, config.json_lines) == ("", "auto", "", False)


def test_a_store_in_memory_is_refused():
    with pytest.raises(ConfigError, match="store = memory://x: memory is not shared between processes"):
        DoctorConfig(store="memory://x")
