from functools import partial

import pytest

from ganray.errors import StorageError
from ganray.execution.local import LocalExecutor
from ganray.execution.once import run_once
from ganray.execution.port import Workers


def answer(number):
    return 6 * number


def refuse():
    raise StorageError("nothing there", "Try again")


class Recording(LocalExecutor):
    """This process, and what was asked of it."""

    def map_shards(self, work, shards):
        self.asked = work.workers, list(shards)
        return super().map_shards(work, shards)


def test_a_task_runs_once_in_one_worker_of_that_kind():
    executor = Recording()
    assert run_once(executor, partial(answer, 7), Workers(8, 3, 0.25, True, {"zone": "a"})) == 42
    assert executor.asked == (Workers(1, 3, 0.25, False, {"zone": "a"}), [0])


def test_its_error_comes_as_itself():
    with pytest.raises(StorageError, match="nothing there"):
        run_once(LocalExecutor(), refuse, Workers(1))


@pytest.mark.ray
def test_it_runs_on_a_cluster(cluster):
    from ganray.config import RayConfig
    from ganray.on_ray.executor import RayExecutor

    assert run_once(RayExecutor(RayConfig()), partial(pow, 6, 2), Workers(1)) == 36
