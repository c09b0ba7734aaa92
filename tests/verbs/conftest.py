"""Fixtures of the tests of verbs."""

import pytest

from tests.tools.children import forked_children


@pytest.fixture(scope="module", autouse=True)
def children():
    """Decoders are forked from a process that has made their imports: a test starts several."""
    with forked_children():
        yield
