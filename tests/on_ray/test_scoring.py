"""The scorer as an actor; what is offered to it and what becomes of its verdicts is in tests/runs/test_scoring.py."""

import time

import pytest
import ray

from ganray.on_ray.scoring import RayScorer
from ganray.runs.scoring import ScorerGone, Verdict


class Slow:
    """An actor in the scorer's place that answers as soon as a file is there, and after a minute without it."""

    def __init__(self, file):
        self.file = file

    def score(self, weights, num_images):
        deadline = time.monotonic() + 60
        while not self.file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        return Verdict(f"collapsed at {num_images}", None)


@pytest.mark.ray
def test_a_score_is_polled_and_an_actor_that_died_is_gone(cluster, tmp_path):
    scorer = RayScorer(ray.remote(Slow).options(num_cpus=0).remote(tmp_path / "answer"))
    scorer.submit({}, 32)
    assert scorer.poll() is None
    (tmp_path / "answer").touch()
    assert scorer.wait() == scorer.poll() == Verdict("collapsed at 32", None)
    (tmp_path / "answer").unlink()
    scorer.submit({}, 64)
    scorer.close()
    with pytest.raises(ScorerGone):
        scorer.wait()
