"""The methods of copies/methods.py, for tests over both: `imagenet` is left out where the extra `features` is not installed."""

import importlib.util

import pytest

from ganray.copies.methods import PACKAGE

without = pytest.mark.skipif(importlib.util.find_spec(PACKAGE) is None, reason="the extra `features` is not installed")
BOTH = ["fingerprint", pytest.param("imagenet", marks=without)]
