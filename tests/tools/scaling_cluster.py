"""A cluster on this machine whose head has no CPUs and starts nodes when work waits for them: Ray's own autoscaler, with the provider that
Ray's tests use, whose nodes are processes.

Ray's `AutoscalingCluster` is not used: it begins with `ray stop --force`, which ends every other cluster of the machine.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEAD_ID = "f" * 51 + "00000"  # the provider's name for the head
START_LIMIT = 120.0
LISTS = (
    *("cluster_synced_files", "rsync_exclude", "rsync_filter", "initialization_commands", "setup_commands", "head_setup_commands"),
    *("worker_setup_commands", "head_start_ray_commands", "worker_start_ray_commands"),
)


@contextlib.contextmanager
def scaling_cluster(cpus, most, labels):
    """The address of a head that starts up to `most` nodes of so many CPUs, with labels. All its processes end with it."""
    folder = tempfile.mkdtemp(prefix="g-", dir="/tmp")  # a socket's path holds 107 bytes
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    config = Path(folder) / "cluster.json"
    config.write_text(json.dumps(_config(address, {"CPU": cpus}, most, labels)))
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    env |= {"RAY_FAKE_CLUSTER": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1", "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_ID}
    env |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": folder}
    command = ["start", "--head", "--block", "--num-cpus", "0", "--include-dashboard", "false", "--node-ip-address", "127.0.0.1"]
    command += ["--port", address.rpartition(":")[2], "--temp-dir", f"{folder}/ray", "--autoscaling-config", str(config)]
    output = Path(folder) / "output"
    with output.open("w") as file:
        head = subprocess.Popen([Path(sys.executable).parent / "ray", *command], env=env, stdout=file, stderr=file, start_new_session=True)
    try:
        _wait_for(head, output, folder)
        yield address
    finally:
        _end(folder)
        head.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _config(address, resources, most, labels):
    provider = {"type": "fake_multinode", "gcs_address": address, "launch_multiple": True, "head_node_id": HEAD_ID}
    types = {
        "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "small": {"resources": resources, "labels": labels, "node_config": {}, "min_workers": 0, "max_workers": most},
    }
    return {
        **{"cluster_name": "fake", "max_workers": most, "upscaling_speed": 1.0, "idle_timeout_minutes": 5, "auth": {}, "docker": {}},
        **{"provider": provider | {"disable_node_updaters": True, "disable_launch_config_check": True}, "available_node_types": types},
        **{"head_node_type": "ray.head.default", "file_mounts": {}, "file_mounts_sync_continuously": False},
        **{name: [] for name in LISTS},
    }


def _wait_for(head, output, folder):
    deadline = time.monotonic() + START_LIMIT
    while "Ray runtime started" not in output.read_text():
        if head.poll() is not None or time.monotonic() > deadline:
            raise TimeoutError(f"the head in {folder} does not start: {output.read_text()}")
        time.sleep(0.2)


def _end(folder):
    """Kill every process that names the folder: nodes are started by the head's monitor, some in sessions of their own."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if folder.encode() in (entry / "cmdline").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)
