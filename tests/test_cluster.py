"""cluster.yaml against Ray's own schema, and the Dockerfile against the files it copies."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


def test_ray_up_accepts_cluster_yaml():
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    prepared = prepare_config(config)
    validate_config(prepared)
    assert prepared["head_node_type"] in prepared["available_node_types"]


def test_cluster_yaml_turns_token_authentication_on():
    config = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    for commands in (config["head_start_ray_commands"], config["worker_start_ray_commands"]):
        assert any("RAY_AUTH_MODE=token" in command for command in commands)


def test_the_dockerfile_copies_what_exists():
    for line in (ROOT / "cluster" / "Dockerfile").read_text().splitlines():
        if match := re.match(r"COPY (.+) \S+$", line):
            for name in match[1].split():
                assert (ROOT / name).exists(), name
