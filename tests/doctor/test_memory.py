from pathlib import Path

import pytest

from ganray.doctor.finding import State
from ganray.doctor.memory import GIB, Memory, memory_findings, parse_memory, shared_memory_findings

MEMINFO = "MemTotal:       32826404 kB\nMemFree:         1626404 kB\nMemAvailable:   20826404 kB\nHugePages_Total:       0\n"
NO_LIMIT_V1 = "9223372036854771712\n"


@pytest.mark.parametrize(
    ("limits", "limit"),
    [({}, 0), ({"v2": "max\n"}, 0), ({"v1": NO_LIMIT_V1}, 0), ({"v2": "4294967296\n", "v1": ""}, 4 * GIB), ({"v2": "garbage"}, 0)],
)
def test_the_limit_of_the_container_is_read(limits, limit):
    memory = parse_memory(MEMINFO, limits)
    assert (memory.total, memory.limit) == (32826404 << 10, limit)
    assert memory.usable == (limit or memory.total)


@pytest.mark.parametrize(
    ("memory", "state", "words"),
    [
        (Memory(32 * GIB, 20 * GIB), State.OK, "32.0 GiB, 20.0 GiB available, no limit"),
        (Memory(32 * GIB, 20 * GIB, 3 * GIB), State.NOTE, "this container may use 3.0 GiB: little beside"),
        (Memory(GIB, GIB // 2), State.PROBLEM, "too little for torch and Ray"),
        (Memory(0, 0), State.NOTE, "cannot be read"),
    ],
)
def test_little_memory_is_told(memory, state, words):
    (finding,) = memory_findings(memory)
    assert finding.state is state and words in finding.text


@pytest.mark.parametrize(
    ("size", "gpus", "state"), [(16 * GIB, 8, State.OK), (4 * GIB, 8, State.NOTE), (64 << 20, 1, State.NOTE), (64 << 20, 2, State.PROBLEM)]
)
def test_dockers_64_mib_are_a_problem_with_several_gpus(size, gpus, state):
    (finding,) = shared_memory_findings(size, size, Memory(32 * GIB, 20 * GIB), gpus)
    assert finding.state is state
    assert state is State.OK or "--shm-size" in finding.remedy


def test_this_machine_is_read():
    assert parse_memory(Path("/proc/meminfo").read_text(), {}).total > 0
