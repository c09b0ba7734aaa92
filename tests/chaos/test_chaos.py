"""Cases of chaos: one in every run of the tests, each kind of fault with a verb in the long form. All of them: `python -m tests.chaos`."""

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.runner import Case, Chaos
from tests.tools.host_cluster import missing

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing() or "-")]


@pytest.fixture(scope="module")
def chaos():
    with Chaos() as chaos:
        yield chaos


def test_a_bulk_job_survives_the_loss_of_a_host_with_its_workers(chaos):
    """The hosts that are left have no CPU but for one engine and those that finish what it makes."""
    outcome = chaos.run(Case("generate", "host-killed", 0))
    assert outcome.broken == [], outcome.output
    assert outcome.workers_lost and 0 < outcome.share < 1


@pytest.mark.long
@pytest.mark.parametrize("kind", FAULTS)
def test_what_is_promised_is_kept(chaos, kind):
    verb = "edit" if "edit" in FAULTS[kind].verbs else min(FAULTS[kind].verbs)
    outcome = chaos.run(Case(verb, kind, 1))
    assert outcome.broken == [], outcome.output
