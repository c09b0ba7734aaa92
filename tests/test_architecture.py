"""The table of arrows is law: this test walks the imports and names file and line of whatever breaks them.

ganray/README.md shows the same table. Sizes are law too: of functions, files and rooms.
"""

import ast
import functools
import textwrap
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN_ROOMS = {"utils", "common", "helpers", "core", "misc"}
MAX_JOB_LINES = 40
MAX_FUNCTION_LINES, MAX_FILE_LINES, MAX_PARAMETERS, MAX_ROOM_SHARE = 50, 350, 6, 0.15
MAX_ON_RAY_FILES, MAX_ON_RAY_LINES = 25, 2800

# room: the rooms it may import. Everything may import errors; only the rim may import ray.
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "benchmark_table": set(),
    "commands": {"config"},
    "config": {"benchmark_table"},
    "presets": {"config"},
    "settings": {"commands", "config", "presets"},
    "progress": set(),
    "adam": set(),
    "titles": set(),
    "request_body": set(),
    "tables": set(),
    "requests": {"request_body"},
    "request_tables": {"requests", "tables"},
    "vocabulary": {"requests", "tables", "titles"},
    "pages": set(),
    "execution": {"config"},
    "storage": set(),
    "images": {"config"},
    "catalog": {"tables", "titles", "images", "storage", "config", "copies"},
    "models": {"config"},
    "copies": {"images", "models"},
    "training": {"adam", "models", "config", "images"},
    "checkpoint": {"storage", "config"},
    "model_folder": {"checkpoint", "models", "training", "storage", "config", "titles"},
    "network_table": {"storage", "config"},
    "metrics": {"adam", "images", "pages", "storage"},
    "profiles": {"images", "pages"},
    "edits": {"config", "models", "images", "metrics", "profiles", "request_body"},
    "engine": {"requests", "vocabulary", "images", "models", "model_folder"},
    "edit_engine": {"titles", "engine", "edits", "requests", "images", "models", "model_folder", "network_table", "storage"},
    "evaluation": {"config", "requests", "storage", "images", "copies", "catalog", "models", "metrics", "model_folder", "engine"},
    "runs": {
        *("config", "progress", "titles", "requests", "storage", "images", "catalog", "models", "training", "checkpoint", "model_folder"),
        *("metrics", "edits", "engine", "pages", "evaluation", "execution"),
    },
    "output": {"config", "requests", "storage", "images", "edits", "edit_engine"},
    "bulk": {
        *("config", "requests", "request_tables", "vocabulary", "storage", "images", "copies", "catalog", "metrics"),
        *("model_folder", "edits", "engine", "edit_engine", "output", "pages", "progress", "execution"),
    },
    "client": set(),
    "serving": {
        "config",
        "execution",
        "request_body",
        "requests",
        "storage",
        "images",
        "profiles",
        "edits",
        "engine",
        "edit_engine",
        "output",
    },
    "doctor": {"execution", "storage"},
    "verbs": {
        *("config", "presets", "progress", "requests", "request_tables", "vocabulary", "storage", "images", "copies", "catalog", "models"),
        *("model_folder", "network_table", "metrics", "profiles", "edits", "bulk", "engine", "edit_engine", "output", "evaluation", "runs"),
        *("execution", "commands", "doctor", "serving"),
    },
    "on_ray": {
        *("config", "storage", "images", "catalog", "training", "model_folder", "engine", "edit_engine", "evaluation"),
        *("execution", "runs", "serving", "doctor"),
    },
    "benchmarks": {
        *(
            "benchmark_table",
            "config",
            "presets",
            "progress",
            "titles",
            "requests",
            "vocabulary",
            "storage",
            "images",
            "copies",
            "catalog",
            "models",
            "training",
        ),
        *("checkpoint", "model_folder", "network_table", "metrics", "profiles", "edits", "engine", "edit_engine", "evaluation", "runs"),
        *("output", "bulk", "serving", "on_ray", "execution", "verbs"),
    },
    "cli": {"commands", "settings", "on_ray"},
}
WITH_RAY = ("on_ray", "benchmarks")  # benchmarks only where they are of a cluster

# Arrows within a room: its files in levels; a file may import files of lower levels only.
LEVELS: dict[str, tuple[tuple[str, ...], ...]] = {
    "bulk": (
        ("doubt", "duplicate_ids", "gate", "layouts", "profile_filter", "segment_policy", "status"),
        ("job",),
        ("device", "keep", "manifest", "photo_names"),
        ("commit", "edit_job", "edit_page", "estimate", "generate_shard", "page"),
        ("edit_receipt", "reporter"),
        ("driver", "edit_shard"),
        ("edit_estimate",),
    ),
    "runs": (
        (
            *("background", "batches", "card_scores", "catalog_warnings", "charts", "editor_card", "editor_grids", "history"),
            *("known_mattes", "messages", "privacy", "ranks", "sample_grids", "trackers", "watchdog"),
        ),
        ("checkpoints", "local_readers", "mailbox", "run_page", "scoring"),
        ("job", "live_page", "preflight", "score_process", "signals", "source_model", "window_reader"),
        ("group", "model_card", "publish"),
        ("choice", "ending"),
        ("learners", "recorder", "throughput"),
        ("resolve", "run_context"),
        ("driver", "worker"),
        ("local",),
    ),
    "on_ray": (
        (
            "cluster_internals",
            "errors",
            "job_runner",
            "mailbox",
            "rate_ledger",
            "ray_internals",
            "scoring",
            "serve_growth",
            "serve_metrics",
        ),
        ("cluster", "data"),
        ("nodes", "serve", "shard_pool"),
        ("executor", "worker"),
        ("worker_group",),
    ),
}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@functools.cache
def statements(path: Path) -> tuple[ast.AST, ...]:
    """Every statement of a file, those inside functions too."""
    found: list[ast.AST] = [tree_of(path)]
    for node in found:
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            found += getattr(node, part, ())
    return tuple(found)


@functools.cache
def imports(path: Path) -> tuple[tuple[int, str], ...]:
    return tuple(walk_imports(path))


def walk_imports(path: Path):
    """(line, module) of every import in a file, those inside functions too; `from ganray import x` counts as ganray.x."""
    for node in statements(path):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            if node.module == "ganray":
                yield from ((node.lineno, f"ganray.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module or ""


def sources() -> list[Path]:
    return sorted((ROOT / "ganray").rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def name(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_no_arrow_that_is_not_drawn():
    wrong = []
    for path in sources():
        room = room_of(module_of(path))
        if not room:
            continue
        allowed = ARROWS.get(room)
        assert allowed is not None, f"{path.relative_to(ROOT)}: no room of the name {room} is drawn in ganray/README.md"
        for line, module in imports(path):
            target = room_of(module) if module.startswith("ganray.") else ""
            if target and target not in allowed | {room, "errors", "__version__"}:
                wrong.append(f"{name(path, line)}: {room} may not import {target}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", LEVELS)
def test_files_of_a_room_import_lower_levels_only(room):
    level = {file: number for number, files in enumerate(LEVELS[room]) for file in files}
    paths = {path.stem: path for path in (ROOT / "ganray" / room).glob("*.py") if path.stem != "__init__"}
    assert level.keys() == paths.keys(), "a file without a level, or a level without its file"
    wrong = [
        f"{name(path, line)}: {file} (level {level[file]}) may not import {module.split('.')[2]} (level {level[module.split('.')[2]]})"
        for file, path in paths.items()
        for line, module in imports(path)
        if module.startswith(f"ganray.{room}.") and level[module.split(".")[2]] >= level[file]
    ]
    assert not wrong, "\n".join(wrong)


def drawn_arrows() -> str:
    """The table of arrows as ganray/README.md shows it."""
    lines = []
    for room, targets in ARROWS.items():
        text = ", ".join(target for target in ARROWS if target in targets) or "(nothing)"
        lines += textwrap.wrap(f"{room:<16} {text}", 140, subsequent_indent=" " * 17)
    return "\n".join(lines) + "\n"


def test_the_readme_shows_these_arrows():
    text = (ROOT / "ganray" / "README.md").read_text()
    assert f"```\n{drawn_arrows()}```" in text, f"put this into ganray/README.md:\n{drawn_arrows()}"


def test_the_map_shows_every_room():
    code_map = (ROOT / "ganray" / "README.md").read_text().split("```")[1]
    shown = {line.split()[0].rstrip("/").removesuffix(".py") for line in code_map.splitlines() if line and not line.startswith(" ")}
    assert shown - {"__init__"} == ARROWS.keys()


def test_ray_stays_at_the_rim():
    wrong = [
        f"{name(path, line)}: imports {module} outside of on_ray and benchmarks"
        for path in sources()
        if room_of(module_of(path)) not in WITH_RAY
        for line, module in imports(path)
        if module.split(".")[0] == "ray"
    ]
    assert not wrong, "\n".join(wrong)


def test_private_modules_of_ray_are_named_in_two_files():
    touching = {
        path.name
        for path in sources()
        if any("ray" in m.split(".") and {"_internal", "_private"} & set(m.split(".")) for _, m in imports(path))
    }
    assert touching == {"cluster_internals.py", "ray_internals.py"}


def test_the_rim_is_thin():
    """Every file in on_ray imports ray, and they are few."""
    files = [path for path in sources() if room_of(module_of(path)) == "on_ray"]
    without = [path.name for path in files if path.stem != "__init__" and "ray" not in {m.split(".")[0] for _, m in imports(path)}]
    assert not without, f"no import of ray in on_ray/: {', '.join(without)}"
    assert len(files) <= MAX_ON_RAY_FILES
    assert sum(num_lines(path) for path in files) <= MAX_ON_RAY_LINES


def num_lines(path: Path) -> int:
    return path.read_text().count("\n")


def test_no_room_is_an_attic():
    lines = Counter({room_of(module_of(path)): 0 for path in sources()})
    for path in sources():
        lines[room_of(module_of(path))] += num_lines(path)
    ((room, most),) = lines.most_common(1)
    assert most <= MAX_ROOM_SHARE * lines.total(), f"{room} has {most} of {lines.total()} lines"


def test_files_are_short():
    long = [f"{path.relative_to(ROOT)}: {num_lines(path)} lines" for path in sources() if num_lines(path) > MAX_FILE_LINES]
    assert not long, "\n".join(long)


def functions():
    """(path, function) of every function and method, nested ones too."""
    for path in sources():
        for node in statements(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def test_functions_are_short():
    long = [
        f"{name(path, node.lineno)}: {node.name} has {lines} lines"
        for path, node in functions()
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def test_functions_have_few_parameters():
    """At most six, without self and cls."""
    wrong = []
    for path, node in functions():
        parameters = [
            each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if each.arg not in ("self", "cls")
        ]
        if len(parameters) > MAX_PARAMETERS:
            wrong.append(f"{name(path, node.lineno)}: {node.name} has {len(parameters)}: {', '.join(parameters)}")
    assert not wrong, "\n".join(wrong)


# Modules whose promise another file of tests holds: seams that make sense only with what stands on both sides of them.
TESTED_IN = {
    "bulk/doubt.py": "edits/test_doubt.py",
    "bulk/driver.py": "bulk/test_commit.py",
    "bulk/edit_estimate.py": "verbs/test_edit.py",
    "bulk/edit_page.py": "bulk/test_edit_shard.py",
    "bulk/edit_receipt.py": "bulk/test_edit_shard.py",
    "bulk/estimate.py": "verbs/test_generate.py",
    "bulk/job.py": "bulk/test_commit.py",
    "bulk/page.py": "bulk/test_commit.py",
    "bulk/reporter.py": "bulk/test_commit.py",
    "bulk/status.py": "verbs/test_status.py",
    "edits/border.py": "edits/test_matting.py",
    "edits/edit.py": "edits/test_chain.py",
    "images/colour_spaces.py": "images/test_colour.py",
    "request_body.py": "test_requests.py",
    "serving/edit_service.py": "serving/test_edit.py",
    "serving/generate.py": "serving/test_app.py",
    "serving/head.py": "serving/test_app.py",
    "serving/model_watch.py": "serving/test_model_cache.py",
    "serving/served_model.py": "serving/test_models.py",
    "edits/photo.py": "edits/test_chain.py",
    "execution/port.py": "contract/test_executors.py",
    "metrics/figures.py": "metrics/test_metrics.py",
    "model_folder.py": "test_checkpoint.py",
    "models/network.py": "contract/test_models.py",
    "on_ray/executor.py": "contract/test_executors.py",
    "on_ray/mailbox.py": "runs/test_mailbox.py",
    "on_ray/worker.py": "on_ray/test_worker_group.py",
    "profiles/measurements.py": "profiles/test_checker.py",
    "profiles/report.py": "profiles/test_checker.py",
    "runs/driver.py": "verbs/test_train.py",
    "runs/editor_grids.py": "verbs/test_train_editor.py",
    "runs/ending.py": "verbs/test_train.py",
    "runs/group.py": "on_ray/test_worker_group.py",
    "runs/job.py": "verbs/test_train.py",
    "runs/local_readers.py": "runs/test_batches.py",
    "runs/messages.py": "runs/test_recorder.py",
    "runs/publish.py": "verbs/test_train.py",
    "runs/score_process.py": "runs/test_scoring.py",
    "runs/worker.py": "on_ray/test_worker_group.py",
    "storage/buckets.py": "contract/test_stores.py",
    "verbs/onnx_writer.py": "verbs/test_export.py",
    "training/context.py": "training/test_loop.py",
}


def test_every_module_has_its_tests():
    """`ganray/ROOM/NAME.py` is tested in `tests/ROOM/test_NAME.py`, or where TESTED_IN says; the table holds no stale row."""
    modules = [path.relative_to(ROOT / "ganray").as_posix() for path in sources() if path.stem != "__init__"]
    own = {module for module in modules if (ROOT / "tests" / Path(module).with_name(f"test_{Path(module).name}")).exists()}
    missing = [module for module in modules if module not in own and module not in TESTED_IN]
    assert not missing, f"{len(missing)} of {len(modules)} have none: {' '.join(missing)}"
    stale = [module for module, file in TESTED_IN.items() if module in own or module not in modules or not (ROOT / "tests" / file).exists()]
    assert not stale, f"rows of TESTED_IN that are not needed, or whose file is not there: {stale}"


def test_no_drawer_for_everything():
    drawers = [str(path.relative_to(ROOT)) for path in sources() for part in path.with_suffix("").parts if part in FORBIDDEN_ROOMS]
    assert not drawers


@pytest.mark.parametrize("job", sorted((ROOT / "jobs").glob("*.py")), ids=lambda path: path.name)
def test_a_job_parses_calls_and_prints(job):
    lines = job.read_text().count("\n")
    assert lines <= MAX_JOB_LINES, f"{job.relative_to(ROOT)}: {lines} lines"
    assert {module.split(".")[0] for _, module in imports(job)} <= {"sys", "ganray"}


def test_no_circle():
    modules = {module_of(path): path for path in sources()}
    edges: dict[str, set[str]] = {}
    for module, path in modules.items():
        found = set()
        for node in tree_of(path).body:  # only what runs on import can close a circle
            if isinstance(node, ast.ImportFrom) and node.module:
                parts = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= parts if parts <= set(modules) else parts | {node.module}  # a file of a package needs no name of the package's own
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
        edges[module] = (found & set(modules)) - {module}
    done: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, "import circle: " + " -> ".join((*trail[trail.index(module) :], module))
        if module in done:
            return
        for target in sorted(edges[module]):
            walk(target, (*trail, module))
        done.add(module)

    for module in modules:
        walk(module, ())


def test_the_top_level_is_fixed():
    folders = {
        path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".") and not path.name.endswith(".egg-info")
    }
    assert folders <= {"cluster", "ganray", "jobs", "tests", "out", "build", "dist"}
    for needed in ("cluster", "ganray", "jobs", "tests", "cluster.yaml", "pyproject.toml", "README.md"):
        assert (ROOT / needed).exists(), needed
