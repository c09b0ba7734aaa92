"""The commit protocol under faults that are real: processes killed, replies lost, calls refused, between a client and an S3 server."""

import pytest

from ganray.benchmarks.exactly_once import CASES, MIXED, SHARD, Case, check
from ganray.benchmarks.fault_proxy import Fault

pytestmark = [pytest.mark.s3, pytest.mark.slow]
# Of the whole table, which `make test-all` runs: the driver at each half of the protocol, and the store. Of a worker on Ray the short form
# is in tests/on_ray/test_shard_pool.py (what a lost worker had is done again) and tests/bulk/test_commit.py (the same bytes again).
SHORT = (Case("driver", "requests", "kill after"), Case("driver", "job", "kill before"), Case("store", "receipts", "lose"))


def cases():
    """Every case on Ray; those of the driver and of the store in the job's own process too."""
    for executor in ("local", "ray"):
        for case in CASES:
            marks = [] if executor == "local" and case in SHORT else [pytest.mark.long]
            if executor == "ray":
                marks.append(pytest.mark.ray)
            if executor == "ray" or case.victim != "worker":
                yield pytest.param(case, executor, marks=marks, id=f"{case}, {executor}")


@pytest.mark.parametrize(("case", "executor"), list(cases()))
def test_a_job_that_is_struck_ends_with_every_byte_of_a_quiet_one(bulk_lab, case, executor):
    bulk_lab.reset(executor=executor)
    bulk_lab.run(case)


@pytest.mark.long  # the short form is in tests/bulk/test_commit.py
@pytest.mark.parametrize("case", MIXED, ids=str)
def test_a_job_that_begins_on_another_kind_of_processor_ends(bulk_lab, case):
    bulk_lab.run_mixed(case)


@pytest.mark.parametrize("executor", ["local", pytest.param("ray", marks=[pytest.mark.ray, pytest.mark.long])])
def test_two_drivers_of_one_job_do_not_harm_each_other(bulk_lab, executor):
    bulk_lab.reset(executor=executor)
    name = f"both-{executor}"
    with bulk_lab.driver(name) as one, bulk_lab.driver(name) as two:
        ends = [process.communicate(timeout=300)[0] for process in (one, two)]
    assert (one.returncode, two.returncode) == (0, 0), ends
    check(bulk_lab.store.child(name))
    assert bulk_lab.contents(name) == bulk_lab.whole


@pytest.mark.long
def test_a_store_that_refuses_a_third_of_all_calls_costs_time_alone(bulk_lab):
    calls = iter(range(10**9))
    bulk_lab.proxy.plan = lambda call: Fault("refuse") if next(calls) % 10 < 3 else None
    code, output = bulk_lab.finish("busy")
    assert code == 0, output
    assert next(calls) > 50
    check(bulk_lab.store.child("busy"))
    assert bulk_lab.contents("busy") == bulk_lab.whole


def test_every_step_of_the_protocol_is_struck_on_every_side():
    assert {(case.victim, case.step) for case in CASES} == {
        *(("driver", step) for step in ("plan", "requests", "images", "receipts", "manifest", "page", "job")),
        *(("worker", step) for step in ("images", "receipts")),
        *(("store", step) for step in ("plan", "requests", "images", "receipts", "manifest", "page", "job")),
    }
    assert SHARD == 4
