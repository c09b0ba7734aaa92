import pickle
import re

import pytest

from ganray.client import errors
from ganray.client.errors import ClientError, Detail, JobFailed, error_class
from ganray.serving import refusals


def classes(kind=ClientError):
    return [kind, *(each for child in kind.__subclasses__() for each in classes(child))]


@pytest.mark.parametrize("kind", classes())
def test_an_error_is_one_line_and_survives_a_pickle(kind):
    error = kind(Detail("busy", "the queue is\nfull.", "Retry", 503, "r-1"))
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind and str(copy) == str(error) == "the queue is full. Retry. Request r-1"
    assert (copy.code, copy.status, copy.request_id) == ("busy", 503, "r-1")


def test_a_jobs_error_keeps_its_job():
    assert pickle.loads(pickle.dumps(JobFailed(Detail("a", "b"), {"id": 1}))).job == {"id": 1}


def test_the_tree_in_the_docstring_is_the_tree():
    rows = dict(re.findall(r"── (\w+) +(\d{3}|  |5xx)", errors.__doc__))
    assert rows.keys() == {kind.__name__ for kind in classes()[1:]}
    assert {name: int(status) for name, status in rows.items() if status.isdigit()} == {
        kind.__name__: status for status, kind in errors.BY_STATUS.items()
    }


def test_every_refusal_of_the_server_has_its_class():
    kinds = [kind for kind in vars(refusals).values() if isinstance(kind, type) and issubclass(kind, refusals.Refusal)]
    assert len(kinds) > 10
    assert {kind.status for kind in kinds} <= errors.BY_STATUS.keys()
    assert [error_class(status).__name__ for status in (200, 418, 500, 599)] == ["BadAnswer", "BadRequest", "ServerFailed", "ServerFailed"]
