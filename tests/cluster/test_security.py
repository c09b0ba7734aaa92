"""cluster/SECURITY.md: each threat names the tests that hold it, or says that its risk is open."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "cluster" / "SECURITY.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
ROWS = [line for line in PAGE.splitlines() if line.startswith("|") and not line.startswith(("| threat", "|---"))]


def functions(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)} if path.exists() else set()


def missing(text: str) -> list[str]:
    return [f"{path}::{name}" for path, name in NAMED.findall(text) if name not in functions(ROOT / path)]


def unheld(rows: list[str]) -> list[str]:
    return [row for row in rows if not NAMED.search(row) and "**open risk**" not in row]


def test_each_named_test_exists():
    assert len(NAMED.findall(PAGE)) > 20
    assert missing(PAGE) == []


def test_each_threat_is_held_or_open():
    assert len(ROWS) > 20
    assert unheld(ROWS) == []


def test_what_is_wrong_is_found():
    assert missing("`tests/cluster/test_security.py::test_nothing`, `tests/nowhere.py::test_a`") == [
        "tests/cluster/test_security.py::test_nothing",
        "tests/nowhere.py::test_a",
    ]
    assert unheld(["| a threat | hope | |"])


def test_it_is_one_page():
    assert PAGE.count("\n") < 120
