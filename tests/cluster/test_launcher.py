"""cluster.yaml and cluster/local.yaml by Ray's own launcher: its schema, its plans, and what it would ask of AWS, which is simulated."""

import contextlib
import copy
import json
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from moto import mock_aws
from ray.autoscaler._private.util import prepare_config, validate_config

from ganray.execution.gpus import KIND

ROOT = Path(__file__).parents[2]
FILES = ("cluster.yaml", "cluster/local.yaml")
POOLS = {"cpu": {"CPU": 1}, "gpu": {"CPU": 1, "GPU": 1}}
GIB = {"m7i.2xlarge": 32, "g6.4xlarge": 64}  # memory, by AWS's list
OBJECT_STORE_SHARE = 0.3  # of a node's memory, as Ray takes it


@cache
def prepared(name: str) -> dict:
    return prepare_config(yaml.safe_load((ROOT / name).read_text()))


def node_types() -> dict:
    return prepared("cluster.yaml")["available_node_types"]


@pytest.mark.parametrize("name", FILES)
def test_ray_up_accepts_the_file(name):
    config = prepared(name)
    validate_config(config)
    assert config["head_node_type"] in config["available_node_types"]


@pytest.mark.parametrize("name", FILES)
def test_ray_up_refuses_the_file_with_a_key_it_does_not_know(name):
    with pytest.raises(Exception, match="Additional properties are not allowed"):
        validate_config({**prepared(name), "max_worker": 8})


@pytest.mark.parametrize("name", FILES)
def test_every_node_has_token_authentication_and_its_token(name):
    config = prepared(name)
    for commands in (config["head_start_ray_commands"], config["worker_start_ray_commands"]):
        start = next(command for command in commands if "ray start" in command)
        assert start.startswith("export RAY_AUTH_MODE=token;")
    assert "~/.ray/auth_token" in config["file_mounts"]


@pytest.mark.parametrize("name", FILES)
def test_ray_start_knows_every_option_of_the_start_commands(name):
    from ray.scripts.scripts import start

    known = {option for parameter in start.params for option in parameter.opts}
    config = prepared(name)
    for command in (*config["head_start_ray_commands"], *config["worker_start_ray_commands"]):
        options = set(re.findall(r"--[a-z-]+", command))
        assert options <= known
        if "--head" in options:
            assert "--dashboard-host=127.0.0.1" in command  # the job server is reached by a tunnel


@pytest.mark.parametrize("name", FILES)
def test_images_are_named_by_digest_and_the_placeholder_is_plainly_one(name):
    text = (ROOT / name).read_text()
    images = re.findall(r"^ *\w*image: (\S+)", text, re.MULTILINE)
    assert images
    for image in images:
        assert image == f"REGISTRY/ganray@sha256:{'0' * 64}"
    assert len(re.findall(r"# DIGEST of the target", text)) == len(images)


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_installed_when_a_node_starts(name):
    config = prepared(name)
    assert not [command for key, commands in config.items() if key.endswith("setup_commands") for command in commands]


def test_local_machines_all_belong_to_the_cluster():
    config = prepared("cluster/local.yaml")
    addresses = config["provider"]["worker_ips"]
    (node_type,) = config["available_node_types"].values()
    assert node_type["min_workers"] == node_type["max_workers"] == config["max_workers"] == len(addresses)
    assert all(address.startswith("192.0.2.") for address in (config["provider"]["head_ip"], *addresses))  # RFC 5737: for documentation


def test_ray_makes_local_nodes_of_the_machines(monkeypatch, tmp_path):
    from ray.autoscaler._private.local import node_provider

    monkeypatch.setattr(node_provider, "get_lock_path", lambda name: str(tmp_path / "lock"))
    monkeypatch.setattr(node_provider, "get_state_path", lambda name: str(tmp_path / "state"))
    config = node_provider.LocalNodeProvider.bootstrap_config(prepared("cluster/local.yaml"))
    provider = node_provider.LocalNodeProvider(config["provider"], config["cluster_name"])
    states = provider.state.get()
    assert set(states) == {"192.0.2.10", "192.0.2.11", "192.0.2.12"}
    assert states["192.0.2.10"]["tags"]["ray-node-type"] == "head"


def test_each_node_type_has_its_own_image_and_a_shared_memory_for_its_object_store():
    config = autoscaling_config()
    for name, node_type in node_types().items():
        docker = config.get_docker_config(name)
        own = prepared("cluster.yaml")["metadata"]["gpu-container"]["worker_image"] if name.startswith("gpu") else docker["image"]
        assert docker["image"] == own
        options = " ".join(docker["head_run_options" if name == "head" else "worker_run_options"])
        gigabytes = int(re.search(r"--shm-size=(\d+)g", options)[1])
        assert gigabytes >= OBJECT_STORE_SHARE * GIB[node_type["node_config"]["InstanceType"]]


def test_every_machine_names_its_image_which_brings_the_driver():
    """Without one Ray takes an image of 2022, whose driver is too old for torch's CUDA."""
    current = r"resolve:ssm:/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-2[24]\.04/latest/ami-id"
    for node_type in node_types().values():
        assert re.fullmatch(current, node_type["node_config"]["ImageId"])


def test_the_head_takes_no_work_and_the_labels_say_what_a_node_is():
    config = autoscaling_config()
    assert config.get_node_resources("head")["CPU"] == 0
    for pool in POOLS:
        for market in ("spot", "on-demand"):
            kind = {KIND: "L4"} if pool == "gpu" else {}
            assert config.get_node_labels(f"{pool}-{market}") == {"ray.io/market-type": market, "ganray.io/pool": pool} | kind


def test_a_node_has_the_labels_that_the_launcher_passes(monkeypatch):
    """They travel in an environment variable, which `ray start` reads."""
    from ray._private.label_utils import validate_node_label_syntax
    from ray._private.ray_constants import LABELS_ENVIRONMENT_VARIABLE
    from ray._private.resource_and_label_spec import ResourceAndLabelSpec

    for node_type in node_types().values():
        labels = node_type.get("labels", {})
        monkeypatch.setenv(LABELS_ENVIRONMENT_VARIABLE, json.dumps(labels))
        assert ResourceAndLabelSpec().resolve(is_head=False, node_ip_address="127.0.0.1").labels.items() >= labels.items()
        validate_node_label_syntax(labels)


@pytest.mark.parametrize("pool", POOLS)
def test_spot_comes_first_and_on_demand_where_there_is_none(pool):
    assert to_launch(POOLS[pool], {}) == {f"{pool}-spot": 1}
    assert to_launch(POOLS[pool], {f"{pool}-spot": 0.0}) == {f"{pool}-on-demand": 1}
    assert to_launch(POOLS[pool], {f"{pool}-spot": 0.0, f"{pool}-on-demand": 0.0}) == {f"{pool}-spot": 1}


@pytest.mark.parametrize(("market", "other"), [("spot", "on-demand"), ("on-demand", "spot")])
def test_work_can_ask_for_a_market_by_label(market, other):
    unavailable = {f"cpu-{market}": 0.0}
    assert to_launch({"CPU": 1}, unavailable, {"ray.io/market-type": market}) == {f"cpu-{market}": 1}
    assert to_launch({"CPU": 1}, {}, {"ray.io/market-type": f"!{other}", "ganray.io/pool": "gpu"}) == {f"gpu-{market}": 1}


def test_work_can_ask_for_a_kind_of_gpu_before_a_node_of_it_has_started():
    """As engines do where a cluster has several kinds. AWS's g6 has that one."""
    assert to_launch({"CPU": 1, "GPU": 1}, {}, {KIND: "L4"}) == {"gpu-spot": 1}
    assert to_launch({"CPU": 1, "GPU": 1}, {}, {KIND: "A10G"}) == {}
    assert {node["node_config"]["InstanceType"].partition(".")[0] for node in node_types().values() if "GPU" in node["resources"]} == {"g6"}


def autoscaling_config():
    from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig

    return AutoscalingConfig(copy.deepcopy(prepared("cluster.yaml")), skip_content_hash=True)


def to_launch(resources, availabilities, labels=None) -> dict[str, int]:
    """What the autoscaler starts in an empty cluster for one task, as its own scheduler plans it."""
    from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
    from ray.core.generated.autoscaler_pb2 import ResourceRequestByCount

    config = autoscaling_config()
    task = task_request(resources, labels or {})
    request = SchedulingRequest(
        disable_launch_config_check=False,
        node_type_configs=config.get_node_type_configs(),
        max_num_nodes=config.get_max_num_nodes(),
        resource_requests=[ResourceRequestByCount(request=task, count=1)],
        recoverable_resource_availabilities=availabilities,
    )
    reply = ResourceDemandScheduler(event_logger=None).schedule(request)
    return {launch.instance_type: launch.count for launch in reply.to_launch}


def task_request(resources, labels):
    from ray.core.generated.autoscaler_pb2 import ResourceRequest
    from ray.core.generated.common_pb2 import LabelSelector

    request = ResourceRequest(resources_bundle=resources)
    if labels:
        selector = LabelSelector()
        for key, value in labels.items():
            constraint = selector.label_constraints.add()
            constraint.label_key = key
            constraint.operator = 2 if value.startswith("!") else 1
            constraint.label_values.append(value.removeprefix("!"))
        request.label_selectors.append(selector)
    return request


@pytest.fixture(scope="module")
def aws_request(tmp_path_factory):
    """The configuration as the launcher completes it on AWS, and the instances that it then starts, one of each type."""
    from ray.autoscaler._private.aws.config import bootstrap_aws

    with simulated_aws(tmp_path_factory.mktemp("home")) as ec2:
        config = bootstrap_aws(copy.deepcopy(prepared("cluster.yaml")))
        yield config, start_one_of_each(config, ec2), ec2


@contextlib.contextmanager
def simulated_aws(home: Path):
    """AWS as moto answers for it. botocore itself checks each request against AWS's own description of its interface."""
    import boto3
    from ray.autoscaler._private.aws import config as aws_config
    from ray.autoscaler._private.aws import utils

    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("HOME", str(home))
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        for function in (*vars(aws_config).values(), *vars(utils).values()):
            if hasattr(function, "cache_clear"):
                function.cache_clear()
        iam = boto3.client("iam")
        for name in ("ganray-head", "ganray-worker"):
            iam.create_instance_profile(InstanceProfileName=name)
        yield boto3.client("ec2", region_name="eu-central-1")


def start_one_of_each(config, ec2) -> dict[str, dict]:
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider

    provider, started = AWSNodeProvider(config["provider"], config["cluster_name"]), {}
    for name, node_type in config["available_node_types"].items():
        (instance,) = provider._create_node(node_type["node_config"], {"ray-user-node-type": name}, 1)
        (reservation,) = ec2.describe_instances(InstanceIds=[instance])["Reservations"]
        (started[name],) = reservation["Instances"]
    return started


def test_aws_gets_spot_requests_for_the_spot_types_alone(aws_request):
    _, instances, _ = aws_request
    assert {name for name, instance in instances.items() if instance.get("InstanceLifecycle") == "spot"} == {"cpu-spot", "gpu-spot"}


def test_aws_gets_the_roles_by_name(aws_request):
    _, instances, _ = aws_request
    profiles = {name: instance["IamInstanceProfile"]["Arn"].rpartition("/")[2] for name, instance in instances.items()}
    assert profiles.pop("head") == "ganray-head"
    assert set(profiles.values()) == {"ganray-worker"}


def test_every_machine_takes_imdsv2_alone(aws_request):
    _, instances, _ = aws_request
    for instance in instances.values():
        assert instance["MetadataOptions"]["HttpTokens"] == "required"
        assert instance["MetadataOptions"]["HttpPutResponseHopLimit"] == 1


def test_every_disk_is_encrypted_and_goes_with_its_machine(aws_request):
    _, instances, ec2 = aws_request
    for instance in instances.values():
        for mapping in instance["BlockDeviceMappings"]:
            assert mapping["Ebs"]["DeleteOnTermination"]
            (volume,) = ec2.describe_volumes(VolumeIds=[mapping["Ebs"]["VolumeId"]])["Volumes"]
            assert volume["Encrypted"]
            assert (volume["Size"], volume["VolumeType"]) == (200, "gp3")


def test_no_port_but_ssh_is_open_to_the_world(aws_request):
    _, instances, ec2 = aws_request
    groups = {group["GroupId"] for instance in instances.values() for group in instance["SecurityGroups"]}
    (group,) = ec2.describe_security_groups(GroupIds=sorted(groups))["SecurityGroups"]
    assert group["GroupName"] == "ganray"
    ssh, inside = sorted(group["IpPermissions"], key=lambda rule: rule["IpProtocol"] == "-1")
    assert (ssh["FromPort"], ssh["ToPort"], ssh["IpProtocol"]) == (22, 22, "tcp")
    assert not inside["IpRanges"]
    assert not inside.get("Ipv6Ranges")
    assert {pair["GroupId"] for pair in inside["UserIdGroupPairs"]} == groups
