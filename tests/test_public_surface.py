"""`import ganray`: each public name has a docstring with an example that runs, and nothing heavy is imported before it is used."""

import ast
import doctest
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import ganray
from ganray.catalog.sample import draw, product
from ganray.commands import VERBS
from ganray.config import ModelConfig, TrainConfig
from ganray.images.codec import encode
from ganray.model_folder import ModelInfo, save_model
from ganray.models import build_generator, label_sizes
from ganray.storage import open_store
from tests.tools.catalogs import write_catalog
from tests.tools.commands import run_command

ROOT = Path(__file__).parents[1]
EXAMPLES = [name for name in ganray.__all__ if name != "__version__"]
MODEL = ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8)
ATTRIBUTES = {"category": ("cap", "mug"), "colour": ("blue", "red")}
NOT_PUBLIC = {"benchmark", "demo", "doctor"}  # verbs for a person alone


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A folder with what examples name: `model`, `catalog` and `photos/mug.png`."""
    folder = tmp_path_factory.mktemp("shop")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = build_generator(MODEL, label_sizes(MODEL, ATTRIBUTES))
    info = ModelInfo(model=MODEL, attributes=ATTRIBUTES, num_images=500, train=TrainConfig(license="CC0-1.0"))
    save_model(open_store(str(folder / "model")), generator, info)
    write_catalog(str(folder / "catalog"), 32, 8)
    (folder / "photos").mkdir()
    (folder / "photos" / "mug.png").write_bytes(encode(draw(product(5, 1), 96)[0], "png"))
    return folder


def run_example(text: str, name: str, folder: Path, monkeypatch) -> int:
    """Run the examples of a docstring in a folder, with nothing but `ganray` imported; returns their number."""
    monkeypatch.chdir(folder)
    example = doctest.DocTestParser().get_doctest(text, {"ganray": ganray}, name, None, 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert not runner.run(example, out=report.append).failed, "".join(report)
    return len(example.examples)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_each_public_name_runs(name, shop, monkeypatch):
    text = getattr(ganray, name).__doc__
    assert text and text.strip()[0].isupper()
    assert run_example(text, name, shop, monkeypatch) > 0, f"ganray.{name} has no example"


def test_the_verbs_are_functions_of_their_configurations():
    functions = {"profiles": "list_profiles"}
    for verb in VERBS.values():
        name = functions.get(verb.name, verb.name.replace("-", "_"))
        assert (name in ganray.__all__) is (verb.name not in NOT_PUBLIC)
        if verb.name not in NOT_PUBLIC:
            assert getattr(ganray, name) is verb.load_function()[1]
            assert getattr(ganray, verb.load_config().__name__) is verb.load_config()


def test_type_checkers_see_what_is_imported():
    """The imports of `if TYPE_CHECKING` are the names of `__all__`, from where each really lies."""
    tree = ast.parse((ROOT / "ganray" / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = {alias.asname or alias.name: (node.module, alias.name) for node in block.body for alias in node.names}
    assert {*seen, "__version__"} == set(ganray.__all__)
    for name, (module, original) in seen.items():
        value = getattr(ganray, name)
        assert value.__name__ == original
        assert value.__module__ == module or value.__module__.startswith(f"{module}.")


def test_unknown_names_are_refused():
    assert not hasattr(ganray, "no_such_name")
    assert set(dir(ganray)) == set(ganray.__all__)
    with pytest.raises(AttributeError, match="module 'ganray' has no attribute 'Trainer'"):
        ganray.Trainer


def test_the_import_is_light():
    """In one fresh interpreter: what is imported after `import ganray`, and after light names."""
    steps = ("ganray", "ganray.GenerateConfig(), ganray.GanrayError, ganray.open_store('x')")
    script = "\n".join(["import sys, ganray", *(f"{step}; print(*{{name.partition('.')[0] for name in sys.modules}})" for step in steps)])
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    at_first, light = (set(line.split()) for line in done.stdout.splitlines())
    assert not at_first & {"ray", "torch", "numpy", "pydantic", "pyarrow", "PIL", "obstore"}
    assert "torch" not in light and "ray" not in light


def test_engines_import_torch_and_not_ray(tmp_path):
    """Where ganray and ray are not imported yet."""
    (tmp_path / "engines.py").write_text("""
import sys
for name in [name for name in sys.modules if name.partition(".")[0] in ("ganray", "ray")]:
    del sys.modules[name]
import ganray
assert "ganray.engine" not in sys.modules
ganray.Engine, ganray.EditEngine, ganray.check
print(hasattr(sys.modules["ganray.engine"], "torch"), "ray" in sys.modules)
sys.exit()
""")
    assert run_command([tmp_path / "engines.py"]).stdout == "True False\n"


def from_python() -> str:
    """The code of the README's section "From Python"."""
    section = (ROOT / "README.md").read_text().split("\n## From Python\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.S)
    return code


def test_the_lines_of_the_readme_run(shop, monkeypatch, capsys):
    code = from_python()
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    monkeypatch.chdir(shop)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    assert isinstance(names["sample"].pixels, np.ndarray) and names["sample"].attributes["colour"] == "red"
    assert (shop / "mug-white.png").exists()
