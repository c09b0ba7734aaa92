import pytest
from pydantic import ValidationError

from ganray.config import BenchmarkConfig, TrainConfig
from ganray.config.base import refuse_memory
from ganray.errors import ConfigError


def test_a_changed_copy_is_checked_as_a_new_configuration_is():
    config = TrainConfig(batch=16)
    assert config.model_copy(update={"workers": 4}) == TrainConfig(batch=16, workers=4)
    with pytest.raises(ConfigError, match="32 workers cannot share a batch of 16"):
        config.model_copy(update={"workers": 32})
    with pytest.raises(ValidationError, match="greater than 0"):
        config.model_copy(update={"batch": 0})
    with pytest.raises(ValidationError, match="kimgs"):
        config.model_copy(update={"kimgs": 1.0})


def test_a_copy_without_changes_is_the_same():
    config = BenchmarkConfig(name="input", json=True)
    assert config.model_copy() == config
    assert config.model_copy(update={"repeats": 1}).json_lines  # a field that has another name outside


def test_memory_is_refused_with_the_name_of_the_option():
    refuse_memory(out="s3://bucket/memory", source="")
    with pytest.raises(ConfigError, match=r"source = memory://a/b: memory is not shared between processes\. Use a path, or a bucket"):
        refuse_memory(out="out", source="memory://a/b")
