import errno
import subprocess
import sys

import pytest
from ray.exceptions import RayTaskError

from ganray.errors import CatalogError, ClusterError, ImageError, StorageError
from ganray.on_ray.errors import defer_error, find_ganray_error


def wrapped(error):
    return RayTaskError("task", "a long\ntraceback", error).as_instanceof_cause()


@pytest.mark.parametrize("error", [CatalogError("catalog c is empty", "Ingest again"), ImageError("corrupt", "cut short")])
def test_an_error_of_ours_comes_back_as_itself(error):
    for layers in (wrapped(error), wrapped(wrapped(error))):
        found = find_ganray_error(layers)
        assert type(found) is type(error)
        assert str(found) == str(error)


def test_it_is_found_below_errors_of_others():
    try:
        try:
            raise CatalogError("inner")
        except CatalogError as error:
            raise ValueError("outer") from error
    except ValueError as error:
        assert str(find_ganray_error(error)) == "inner"


def test_a_full_disk_says_so():
    found = find_ganray_error(wrapped(OSError(errno.ENOSPC, "No space left on device", "/data/x")))
    assert isinstance(found, StorageError)
    assert "/data/x: no space left" in str(found)


def test_a_failure_of_ray_names_ray():
    from ray.exceptions import WorkerCrashedError

    assert isinstance(find_ganray_error(WorkerCrashedError()), ClusterError)


def test_a_defect_is_not_explained_away():
    assert find_ganray_error(wrapped(ZeroDivisionError())) is None


def test_what_a_constructor_raises_is_kept_for_the_first_call():
    calls = []

    def build():
        calls.append(1)
        raise CatalogError("catalog c is empty")

    made = defer_error(build)
    for _ in range(2):
        with pytest.raises(CatalogError, match="catalog c is empty"):
            made()
    assert len(calls) == 1
    assert defer_error(lambda: 3)() == 3
    with pytest.raises(ZeroDivisionError):  # a defect is told at once
        defer_error(lambda: 1 // 0)


def test_a_worker_of_a_bulk_job_does_not_load_ray_train():
    """Its import costs every worker and every driver a CPU second."""
    code = "import sys, ganray.on_ray.executor; print({'ray.train', 'ray.data', 'pandas', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
