"""What is used of Ray beyond its public API: each hook is still called; and a run that loses a node and gets one.

The latter is on a cluster of two nodes on this machine, in a process of its own.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ray.data
from ray.train import RunConfig, ScalingConfig

from ganray.on_ray import ray_internals
from ganray.on_ray.mailbox import make_mailbox
from ganray.on_ray.ray_internals import (
    CheckpointBeforeResize,
    IdleLoopThrottle,
    TerminationNotice,
    Trainer,
    scaling,
    serve_controller,
    throttle_idle_loops,
)
from ganray.runs.messages import Note

ROOT = Path(__file__).parents[2]

RUN = """
import io, os, sys, threading, time
from ray.cluster_utils import Cluster
from ganray.config import TrainConfig
from ganray.on_ray import cluster, ray_internals
from ganray.runs.checkpoints import places
from ganray.storage import open_store

catalog, out = sys.argv[1:]
os.environ.update(cluster.ENVIRONMENT | {"RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "10"})
ray_internals.LOOK_S = 3.0
nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
second = nodes.add_node(num_cpus=1)
os.environ["RAY_ADDRESS"] = nodes.address

said = []
class Heard(io.TextIOBase):
    def write(self, text):
        said.append(text)
        return sys.__stderr__.write(text)
sys.stderr = Heard()

def wait_for(happens, limit=300):
    deadline = time.monotonic() + limit
    while not happens():
        assert running.is_alive() and time.monotonic() < deadline
        time.sleep(0.2)

def hears(text, times=1):
    wait_for(lambda: "".join(said).count(text) >= times)

def gets_on():
    reached = places(open_store(out))[0].num_images
    wait_for(lambda: places(open_store(out))[0].num_images > reached)

from ganray.verbs.train import train
told = {"executor": "ray", "kimg": 500, "batch": 16, "threads": 1, "workers": 2, "min_workers": 1, "precision": "fp32"}
told |= {"checkpoint_kimg": 0.32, "log_kimg": 0.032, "grid_kimg": 400, "data": {"window": 48}}
told |= {"model": {"resolution": 32, "widths": (16, 16, 16), "patch": 2, "z_dim": 8, "embed_dim": 4}}
config = TrainConfig.model_validate({**told, "catalog": catalog, "out": out})
running = threading.Thread(target=train, args=(config,), daemon=True)
running.start()
hears("2 of 2 workers")
wait_for(lambda: places(open_store(out)))
nodes.remove_node(second, allow_graceful=False)
hears("1 of 2 workers")
hears("resumed at")
gets_on()
nodes.add_node(num_cpus=1)
hears("resizing at")
hears("2 of 2 workers", 2)
gets_on()
os._exit(0)
"""


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long
def test_a_run_goes_on_smaller_and_grows_back(small_catalog, tmp_path):
    """A node is lost (its raylet killed), and another one comes; for the larger group nothing is learned twice."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RUN, small_catalog, str(tmp_path / "m")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (left,) = re.findall(r"resizing at ([\d.]+) kimg, after a checkpoint", done.stderr)
    assert f"resumed at {left} kimg" in done.stderr


@pytest.mark.ray
def test_ray_train_calls_every_hook(cluster, tmp_path):
    """One run tells how the worker answers SIGTERM, which states the controller goes through, and that it can be ended."""
    mailbox, ends = make_mailbox(), []

    def worker(config):
        import signal

        import torch.distributed

        config["mailbox"].deliver(Note(signal.getsignal(signal.SIGTERM).__qualname__))
        config["mailbox"].deliver(Note(f"{torch.distributed.get_backend()} {os.environ['RANK']} of {os.environ['WORLD_SIZE']}"))

    class Recorded(CheckpointBeforeResize):
        def after_controller_state_update(self, previous_state, current_state):
            import sys

            self._mailbox.deliver(Note(type(current_state).__name__))
            self._mailbox.deliver(Note(f"torch in the controller: {'torch' in sys.modules}"))
            super().after_controller_state_update(previous_state, current_state)

    trainer = Trainer(
        worker,
        train_loop_config={"mailbox": mailbox},
        scaling_config=scaling(1, 0, gpu=False, threads=1),
        run_config=RunConfig(name="hooks", storage_path=str(tmp_path), callbacks=[TerminationNotice(), Recorded(mailbox)]),
    )
    trainer.alone, trainer.on_start = True, ends.append
    trainer.fit()
    notes = [message.text for message in mailbox.drain()]
    ray.kill(mailbox.actor)
    assert "TerminationNotice.after_init_train_context.<locals>.note" in notes
    assert "gloo 0 of 1" in notes
    assert {"RunningState", "FinishedState"} <= set(notes)
    assert "torch in the controller: True" not in notes  # its import would cost the start of every run some CPU seconds
    assert ray_internals.ResizingState.__name__ == "ResizingState"  # what the callback waits for
    assert [callable(end) for end in ends] == [True]


def test_a_cluster_of_the_run_s_own_has_no_guard_that_waits_for_a_dashboard():
    """`ray.train` waits 12 s at the end for it, where there is none. Nor is there a manager of Ray Train's datasets."""
    trainer = Trainer(print, scaling_config=ScalingConfig(num_workers=1))
    whole = [type(each).__name__ for each in trainer._create_default_callbacks()]
    trainer.alone = True
    alone = [type(each).__name__ for each in trainer._create_default_callbacks()]
    assert "DatasetsCallback" not in whole
    assert [name for name in whole if name not in alone] == ["PlacementGroupCleanerCallback"]


@pytest.mark.ray
def test_ray_data_calls_the_throttle_of_its_loop(cluster, monkeypatch):
    """In this process alone: a worker that imported it would import Ray Train and torch too."""
    steps = []
    monkeypatch.setenv("RAY_DATA_EXECUTION_CALLBACKS", "")
    monkeypatch.setattr(IdleLoopThrottle, "on_execution_step", lambda callback, executor: steps.append(time.sleep(0.01)))
    throttle_idle_loops()
    throttle_idle_loops()
    assert os.environ["RAY_DATA_EXECUTION_CALLBACKS"] == "ganray.on_ray.ray_internals.IdleLoopThrottle"
    loaded = ray.data.range(4).map_batches(lambda batch: {"torch": ["torch" in sys.modules]}, batch_size=4).take_all()
    assert steps
    assert loaded == [{"torch": False}]


@pytest.mark.ray
def test_where_no_serve_runs_there_is_no_controller(cluster):
    """That it is found where one runs: tests/on_ray/test_serve.py, a second application beside another one."""
    assert serve_controller() is None


def test_a_fixed_number_is_no_range():
    assert scaling(2, 0, gpu=False, threads=1).num_workers == 2
    assert scaling(2, 2, gpu=False, threads=1).num_workers == 2
    assert scaling(4, 2, gpu=True, threads=3).num_workers == (2, 4)
    assert scaling(4, 2, gpu=True, threads=3).resources_per_worker == {"CPU": 3, "GPU": 1}
