"""The steps of a Dockerfile, carried out as they stand in a fresh Debian root: there is no Docker in the tests, but there are namespaces.

The base image is stood in for by debootstrap with the same release of Debian and the same minor release of Python. Each step is a layer of
an overlay, so that its size is known. Where apt and pip of this machine fetch packages is passed on by mounts, never written down.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.tools.dockerfile import Stage, Step, chain, is_ignored

PROGRAMS = ("chroot", "debootstrap", "ip", "mount", "setpriv", "unshare")
LIMIT_S = 1800
DEVICES = ("full", "null", "random", "urandom", "zero")
# $1 is the root. What follows are words of a command, which find the root at /.
ENTER = """
set -e
root=$1; shift
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in {devices}; do touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
ln -s /proc/self/fd "$root/dev/fd"
mkdir -m 1777 "$root/dev/shm"
{more}
exec "$@"
"""


@cache
def missing() -> str:
    """Why no root can be made here; empty where one can."""
    if absent := [program for program in PROGRAMS if shutil.which(program) is None]:
        return f"no {', '.join(absent)} here: apt-get install debootstrap iproute2 util-linux"
    done = subprocess.run(["unshare", "--mount", "--pid", "--net", "--fork", "true"], capture_output=True, text=True, check=False)
    return f"no namespaces here: {done.stderr.strip()}" if done.returncode else ""


@dataclass
class Built:
    """A target that was built: its layers (the last one on top), what a process in it finds, and what it cost."""

    layers: list[Path]
    env: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
    workdir: str = "/"
    user: str = "0:0"
    steps: list[tuple[str, Path, float]] = field(default_factory=list)

    def copy(self) -> Built:
        return Built(list(self.layers), dict(self.env), self.workdir, self.user, list(self.steps))


class Builder:
    """Builds targets of a Dockerfile, each stage once. All is under `folder`."""

    def __init__(self, stages: Mapping[str, Stage], context: Path, folder: Path, build_args: Mapping[str, str]) -> None:
        self.stages, self.context, self.folder, self.build_args = stages, context, folder, build_args
        self._built: dict[str, Built] = {}
        self._layers = 0

    def build(self, target: str) -> Built:
        """The target after all its steps, and the steps of the stages that it copies from."""
        for stage in chain(self.stages, target):
            if stage.name not in self._built:
                before = self._built[stage.base].copy() if stage.base in self.stages else Built([self._base()])
                self._built[stage.name] = self._carry_out(stage, before)
        return self._built[target]

    def _base(self) -> Path:
        root = self.folder / "base"
        make_base(root)
        return root

    def _carry_out(self, stage: Stage, built: Built) -> Built:
        arguments: dict[str, str] = {}
        for step in stage.steps:
            begun = time.monotonic()
            match step.keyword:
                case "ARG":
                    arguments |= {name: self.build_args.get(name, value) for name, value in step.pairs().items()}
                case "ENV":
                    built.env |= step.pairs()
                case "USER":
                    built.user = step.text
                case "WORKDIR":
                    built.workdir = step.text
                    self._layer(built, ["mkdir", "-p", step.text], {})
                case "COPY":
                    self._copy(built, step)
                case "RUN":
                    self._layer(built, ["/bin/sh", "-c", f"cd {built.workdir} && {step.text}"], arguments)
            if step.keyword in ("COPY", "RUN"):
                built.steps.append((f"{step.keyword} {step.text}", built.layers[-1], time.monotonic() - begun))
        return built

    def _layer(self, built: Built, command: Sequence[str], arguments: Mapping[str, str]) -> None:
        upper = self._new_layer()
        with mounted(built.layers, self.folder, upper) as root, package_sources(root):
            inside = ["chroot", f"--userspec={built.user}", str(root), *command]
            words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _enter(), "sh", str(root), *inside]
            done = subprocess.run(
                words,
                env={**built.env, **pip_variables(), **arguments},
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                errors="replace",
                check=False,
            )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        built.layers.append(upper)

    def _copy(self, built: Built, step: Step) -> None:
        *sources, target = step.words()
        upper = self._new_layer()
        place = Path(built.workdir) / target
        layers = self.build(step.flags["from"]).layers if "from" in step.flags else None
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(mounted(layers, self.folder)) if layers else self.context
            root = stack.enter_context(mounted(built.layers, self.folder, upper))
            inside = root / place.relative_to("/")
            for name in sources:
                found = source / name.lstrip("/")
                into = inside / found.name if target.endswith("/") and found.is_file() else inside
                into.parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(["cp", "-a", "-T", str(found), str(into)], check=True)
                subprocess.run(["chown", "-R", "-h", "0:0", str(into)], check=True)
        built.layers.append(upper)

    def _new_layer(self) -> Path:
        self._layers += 1
        upper = self.folder / f"layer-{self._layers:02d}"
        upper.mkdir()
        return upper


def make_base(root: Path) -> None:
    """A Debian 12 with Python 3.11, from the mirror that apt uses here."""
    sites = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)"], capture_output=True, text=True, check=True).stdout
    mirror = next(site for site in sites.splitlines() if "security" not in site)
    packages = "--include=python3.11,python3-venv,ca-certificates"
    subprocess.run(["debootstrap", "--variant=minbase", packages, "bookworm", str(root), mirror], capture_output=True, check=True)


def write_context(source: Path, target: Path, patterns: Sequence[str]) -> list[str]:
    """What the client sends to be built: the files of a folder that .dockerignore lets through. Gives their names."""
    kept = []
    for folder, folders, files in os.walk(source):
        folders[:] = [name for name in folders if name not in (".git", ".venv")]  # nothing of them is let through: they are only large
        for file in files:
            name = str((Path(folder) / file).relative_to(source))
            if not is_ignored(name, patterns):
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source / name, target / name)
                kept.append(name)
    return kept


@contextlib.contextmanager
def mounted(layers: Sequence[Path], folder: Path, upper: Path | None = None):
    """The layers as one tree; what is written to it goes to `upper`, or, without one, nothing can be written."""
    root, work = folder / "roots" / f"{time.monotonic_ns()}", folder / "work" / f"{time.monotonic_ns()}"
    root.mkdir(parents=True)
    work.mkdir(parents=True)
    options = "lowerdir=" + ":".join(str(layer) for layer in reversed(layers))
    options += f",upperdir={upper},workdir={work}" if upper else f":{work}"  # an overlay has two folders at least
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(root)], check=True, capture_output=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", str(root)], check=True, capture_output=True)
        root.rmdir()


@contextlib.contextmanager
def package_sources(root: Path):
    """How apt and pip of this machine find packages, inside a root for as long as a step runs. Nothing of it stays in the layer."""
    names = ["/etc/resolv.conf", "/etc/pip.conf", "/etc/xdg/pip", "/etc/ssl/certs/ca-certificates.crt"]
    names += sorted(_pip_folders())
    with contextlib.ExitStack() as stack:
        for name in filter(os.path.exists, names):
            stack.enter_context(_bound(Path(name), root / name.lstrip("/")))
        yield


@contextlib.contextmanager
def _bound(source: Path, target: Path):
    made = []
    for place in (target, *target.parents):
        if place.exists():
            break
        made.append(place)
    target.parent.mkdir(parents=True, exist_ok=True)
    if made:
        target.mkdir() if source.is_dir() else target.touch()
    subprocess.run(["mount", "--bind", "-o", "ro", str(source), str(target)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(target)], check=True, capture_output=True)
        for place in made:
            place.rmdir() if place.is_dir() else place.unlink()


def _pip_folders() -> set[str]:
    """Folders of this machine that pip's configuration names."""
    listed = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"(?:file://|')(/[^\s'\"]+)", listed))


def pip_variables() -> dict[str, str]:
    """pip's settings that the environment holds."""
    return {name: value for name, value in os.environ.items() if name.startswith("PIP_")}


def _enter(more: str = "") -> str:
    return ENTER.format(devices=" ".join(DEVICES), more=more)


def run_read_only(built: Built, folder: Path, command: Sequence[str], env: Mapping[str, str]) -> subprocess.CompletedProcess:
    """A command as the image's user, with what the image sets, on a root that cannot be written and without a network."""
    home = built.env["HOME"]
    mounts = "ip link set lo up\n" + "".join(
        f'mount -t tmpfs -o "{options}" tmpfs "$root{place}"\n'
        for place, options in (("/tmp", "mode=1777"), ("/dev/shm", "mode=1777,size=2g"), (home, "mode=700,uid=1000,gid=1000"))
    )
    with mounted(built.layers, folder) as root:
        inside = ["setpriv", "--no-new-privs", "chroot", f"--userspec={built.user}", str(root)]
        inside += ["/bin/sh", "-c", f'cd {built.workdir} && exec "$@"', "sh", *command]
        spaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]
        words = ["unshare", *spaces, "sh", "-c", _enter(mounts), "sh", str(root), *inside]
        return subprocess.run(
            words, env={**built.env, **env}, capture_output=True, text=True, timeout=LIMIT_S, errors="replace", check=False
        )


def size_of(layer: Path) -> int:
    """Bytes of the files of a layer."""
    return sum(path.lstat().st_size for path in layer.rglob("*") if path.is_file() and not path.is_symlink())
