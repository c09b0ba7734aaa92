"""Contract of executors: the same work, the same results, the same errors, in this process and on Ray."""

import functools

import pytest

from ganray.config import RayConfig
from ganray.errors import StorageError
from ganray.execution.local import LocalExecutor
from ganray.execution.port import ShardWork, Workers
from tests.tools import shard_work


@pytest.fixture(params=["local", pytest.param("ray", marks=pytest.mark.ray)])
def executor(request):
    if request.param == "local":
        return LocalExecutor()
    request.getfixturevalue("cluster")
    from ganray.on_ray.executor import RayExecutor

    return RayExecutor(RayConfig())


def starts(folder):
    return len(list(folder.glob("start-*")))


def test_every_shard_is_done_once_by_workers_that_start_once(executor, tmp_path):
    found = sorted(executor.map_shards(shard_work.squares(tmp_path), [5, 0, 9, 3, 7]))
    assert found == [(0, 0), (3, 9), (5, 25), (7, 49), (9, 81)]
    assert 1 <= starts(tmp_path) <= 2


def test_no_more_workers_than_shards(executor, tmp_path):
    assert list(executor.map_shards(shard_work.squares(tmp_path, num=3), [4])) == [(4, 16)]
    assert starts(tmp_path) == 1


def test_without_a_finish_the_worker_gives_the_result(executor, tmp_path):
    work = ShardWork(functools.partial(shard_work.start_plain, str(tmp_path)), Workers(2))
    assert sorted(executor.map_shards(work, range(6))) == [(number, number**2) for number in range(6)]


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_worker_does_several_shards_at_once_where_the_work_says_so(executor, tmp_path, at_once):
    start = functools.partial(shard_work.AtOnce, str(tmp_path))
    found = list(executor.map_shards(ShardWork(start, Workers(1), shard_work.root, 2, at_once), range(12)))
    assert sorted(shard for shard, _ in found) == [*range(12)]
    assert max(together for _, together in found) == at_once
    assert starts(tmp_path) == 1


@pytest.mark.parametrize(("start", "message"), [(shard_work.refuse, "no worker starts"), (shard_work.start_bad, "shard 4 is bad")])
def test_one_error_ends_a_worker_of_several_shards_at_once(executor, start, message):
    with pytest.raises(StorageError, match=message):
        list(executor.map_shards(ShardWork(start, Workers(1), shard_work.root, 1, 3), range(200)))


def test_nothing_to_do_starts_nothing(executor, tmp_path):
    assert list(executor.map_shards(shard_work.squares(tmp_path), [])) == []
    assert starts(tmp_path) == 0


def test_an_error_of_a_worker_arrives_as_itself_and_ends_the_work(executor, tmp_path):
    work = shard_work.squares(tmp_path, num=1, bad=2, error=StorageError("the store is away", "Try again"))
    with pytest.raises(StorageError, match="the store is away. Try again") as caught:
        list(executor.map_shards(work, range(200)))
    assert type(caught.value) is StorageError
    assert len(list(tmp_path.glob("shard-*"))) < 200


def test_an_error_of_a_finisher_arrives_as_itself(executor, tmp_path):
    with pytest.raises(StorageError, match="the finisher failed") as caught:
        list(executor.map_shards(shard_work.squares(tmp_path, finish=shard_work.bad_root), range(5)))
    assert type(caught.value) is StorageError


def test_an_error_at_a_worker_s_start_arrives_as_itself(executor):
    with pytest.raises(StorageError, match="no worker starts") as caught:
        list(executor.map_shards(ShardWork(shard_work.refuse, Workers(2)), range(5)))
    assert type(caught.value) is StorageError


def test_a_defect_arrives_as_itself(executor, tmp_path):
    with pytest.raises(ZeroDivisionError):
        list(executor.map_shards(shard_work.squares(tmp_path, bad=0, error=ZeroDivisionError()), [0]))


def test_a_stream_passes_on_what_it_yields_and_its_error(executor):
    items = []
    with pytest.raises(StorageError, match="the stream broke") as caught:
        for item in executor.stream(functools.partial(shard_work.count_up, 3), Workers(1)):
            items.append(item)
    assert items == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert type(caught.value) is StorageError


def test_resources_have_a_cpu_beyond_the_cores_for_what_only_waits(executor):
    resources = executor.resources()
    assert resources.cpus >= 2 and resources.node_cpus >= 1 and resources.gpus >= 0


def test_numbers_can_be_published(executor):
    for value in (1.0, 2.0):
        executor.publish("ganray_test", {"images": value}, {"job": "out"})
