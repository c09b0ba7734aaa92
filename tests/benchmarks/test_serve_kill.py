import subprocess
import sys
import time

import pytest

from ganray.benchmarks import serve_kill
from ganray.benchmarks.random_model import make_model
from ganray.benchmarks.serve_kill import Killer, known_shots


def test_the_eldest_replica_is_killed_until_the_time_is_over(monkeypatch):
    monkeypatch.setattr(serve_kill, "FIRST", 0.1)
    monkeypatch.setattr(serve_kill, "EVERY", 0.3)
    replicas = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) for _ in range(2)]
    try:
        killer = Killer(lambda: [process.pid for process in replicas if process.poll() is None], 0.5)
        killer.run()
        assert (killer.kills, killer.alone) == (2, 1)
        assert [process.wait(5) for process in replicas] == [-9, -9]
    finally:
        for process in replicas:
            process.kill()
            process.wait()


def test_nothing_is_killed_where_nothing_answers(monkeypatch):
    monkeypatch.setattr(serve_kill, "FIRST", 0.0)
    killer = Killer(list, 0.1)
    began = time.monotonic()
    killer.run()
    assert killer.kills == 0 and time.monotonic() - began < 5


def test_requests_whose_answers_are_known_differ(tmp_path):
    make_model(str(tmp_path))
    shots = known_shots(str(tmp_path))
    assert len({shot.sha256 for shot in shots}) == len({shot.body for shot in shots}) == serve_kill.KNOWN


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long
def test_no_answer_is_wrong_or_lost_when_a_replica_is_killed(cluster, short_form):
    wrong, failed = short_form("serve-kill", seconds=0.5)
    assert wrong["kills"] == 1 and wrong["sent"] > 0
    assert (wrong["what"], failed["what"]) == ("wrong answers", "failures after one retry")
    assert wrong["value"] == failed["value"] == 0
