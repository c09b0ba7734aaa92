from datetime import date

import pytest

from ganray.config import CheckConfig
from ganray.errors import ConfigError


def test_a_day_is_a_date():
    with pytest.raises(ConfigError, match="day = 'soon': .*Write it as YYYY-MM-DD"):
        CheckConfig(day="soon")
    assert CheckConfig.model_validate({"day": date(2026, 1, 31)}).day == CheckConfig(day="2026-01-31").day  # as YAML has it
