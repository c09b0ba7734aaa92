import pickle
import re

import pytest

from ganray import errors
from ganray.errors import EditError, GanrayError, ImageError


def classes(kind=GanrayError):
    return [kind, *(each for child in kind.__subclasses__() if child.__module__ == errors.__name__ for each in classes(child))]


def make(kind):
    given = ("SKU-1 is too small.", "Use a larger photo")
    return kind("too_small", *given) if issubclass(kind, ImageError) else kind(*given)


@pytest.mark.parametrize("kind", classes())
def test_an_error_is_one_line_and_survives_a_pickle(kind):
    error = make(kind)
    assert str(error) == "SKU-1 is too small. Use a larger photo"
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind and str(copy) == str(error) and copy.remedy == error.remedy
    assert getattr(copy, "reason", "") == getattr(error, "reason", "")


def test_the_tree_in_the_docstring_is_the_tree():
    rows = dict(re.findall(r"── (\w+) +\(?[\w ]+\)? +(\d+)", errors.__doc__))
    assert rows == {kind.__name__: str(kind.exit_code) for kind in classes()[1:]}
    codes = dict(re.findall(r"── (\w+) +([a-z_]+) +\d+", errors.__doc__))
    assert codes == {kind.__name__: kind.code for kind in classes()[1:] if not issubclass(kind, ImageError)}


def test_text_of_several_lines_becomes_one():
    assert str(GanrayError("a\nb", "c\n  d")) == "a b. c d"
    assert str(GanrayError("a")) == "a"
    assert EditError("mask", "no mask").reason == "mask"
