"""The reader of Dockerfiles against Docker's own rules, by small examples."""

import pytest

from tests.tools.dockerfile import Step, chain, is_ignored, list_value, read_stages


@pytest.fixture
def stages(tmp_path):
    def read(text: str):
        (tmp_path / "Dockerfile").write_text(text)
        return read_stages(tmp_path / "Dockerfile")

    return read


def test_lines_are_joined_and_comments_between_them_left_out(stages):
    found = stages("# a file\nFROM a:1 AS one\nRUN first \\\n# why\n && second\n\nUSER 1:1\n")
    assert found["one"].steps == (Step("RUN", "first  && second"), Step("USER", "1:1"))


def test_flags_and_pairs_are_read(stages):
    copy, env = stages('FROM a AS one\nCOPY --from=two --chown=1:1 /x /y\nENV A="b c" D=e\n')["one"].steps
    assert (copy.flags, copy.words()) == ({"from": "two", "chown": "1:1"}, ["/x", "/y"])
    assert env.pairs() == {"A": "b c", "D": "e"}


def test_a_health_check_keeps_its_flags_apart_from_its_command(stages):
    (step,) = stages('FROM a AS one\nHEALTHCHECK --interval=30s CMD ["a", "b c"]\n')["one"].steps
    assert (step.flags, list_value(step)) == ({"interval": "30s"}, ["a", "b c"])


def test_a_target_is_the_chain_of_its_stages(stages):
    found = stages("FROM a AS one\nFROM one AS two\nFROM a AS other\nFROM two AS three\n")
    assert [stage.name for stage in chain(found, "three")] == ["one", "two", "three"]


@pytest.mark.parametrize("text", ["FROM a AS one\nONBUILD RUN x\n", "FROM a\n"])
def test_what_is_not_read_here_is_an_error(stages, text):
    with pytest.raises(ValueError, match=r"not read here|not enough values"):
        stages(text)


@pytest.mark.parametrize(
    ("name", "patterns", "ignored"),
    [
        ("a/b.py", ["*", "!a"], False),
        ("c", ["*", "!a"], True),
        ("x/a", ["*", "!a"], True),
        ("a/__pycache__/b.pyc", ["*", "!a", "**/__pycache__"], True),
        ("__pycache__/b.pyc", ["**/__pycache__"], True),
        ("a/b.py", ["*.py"], False),
        ("a/b.py", ["**/*.py"], True),
        ("a/b.py", ["a/?.py", "!a/b.py"], False),
        ("aXpy", ["a.py"], False),
    ],
)
def test_the_last_pattern_that_matches_decides(name, patterns, ignored):
    assert is_ignored(name, patterns) == ignored
