"""The machine of the command has no part in GPUs of other nodes: with a CUDA that fails at the first touch, its own paths work."""

import json
import pickle
from dataclasses import dataclass, field

import pytest
import torch

from ganray.benchmarks.random_model import make_model
from ganray.config import EditConfig, EvaluateConfig, GenerateConfig, RayConfig, ServeConfig
from ganray.edit_engine import EditEngine
from ganray.engine import Engine
from ganray.execution.gpus import KIND
from ganray.execution.local import LocalExecutor
from ganray.execution.port import Node, Resources
from ganray.storage import open_store
from ganray.verbs import edit as edit_verb
from ganray.verbs import evaluate as evaluate_verb
from ganray.verbs import generate as generate_verb
from tests.tools.models import ATTRIBUTES, SMALLEST

L4 = "NVIDIA L4 (8.9) torch 2.13.0 cudnn 92000 tf32"


class EnoughSeen(Exception):
    """Work has gone out as it should."""


@dataclass
class Elsewhere(LocalExecutor):
    """A cluster whose other nodes have GPUs: what goes there is pickled and kept, and answered as those nodes would answer."""

    answers: list
    nodes: tuple = (Node(8), Node(8, 1, {KIND: "L4"}))
    sent: list = field(default_factory=list)

    def resources(self):
        return Resources(16, sum(node.gpus for node in self.nodes), 8, joined=True, nodes=self.nodes)

    def map_shards(self, work, shards):
        if not work.workers.gpu:
            yield from super().map_shards(work, shards)
            return
        self.sent.append(pickle.loads(pickle.dumps(work)))
        if not self.answers:
            raise EnoughSeen
        yield self.answers.pop(0)

    def stream(self, task, workers):
        self.sent.append(workers)
        raise EnoughSeen


@pytest.fixture(autouse=True)
def broken_cuda(monkeypatch):
    """torch believes that a GPU is here, and every touch of it fails."""

    def fail(*args, **options):
        raise AssertionError("CUDA is used on the machine of the command")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for name in ("_lazy_init", "get_device_name", "get_device_capability", "current_device", "synchronize"):
        monkeypatch.setattr(torch.cuda, name, fail)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, SMALLEST, ATTRIBUTES)
    return folder


@pytest.fixture
def executor(monkeypatch):
    """What the verbs take for the executor that they have chosen."""

    def insert(*answers, **more):
        made = Elsewhere(list(answers), **more)
        for verb in (generate_verb, edit_verb, evaluate_verb):
            monkeypatch.setattr(verb, "choose_executor", lambda *args: made)
        return made

    return insert


@pytest.fixture
def config(model, tmp_path):
    return GenerateConfig(model=model, num=40, out=str(tmp_path / "out"))


@pytest.mark.parametrize("load", [Engine.load, EditEngine.load])
def test_cuda_is_broken_here(model, editor_folder, load):
    with pytest.raises(AssertionError, match="CUDA is used"):
        load(editor_folder if load == EditEngine.load else model)


def test_an_estimate_is_made_where_the_gpu_is(config, executor):
    there = executor({"tried": 40, "images": 40})
    assert generate_verb.generate(config.model_copy(update={"dry_run": True})) == {"tried": 40, "images": 40}
    (work,) = there.sent
    assert (work.workers.num, work.workers.gpu, work.workers.follows) == (1, 1.0, False)
    with pytest.raises(AssertionError, match="CUDA is used"):  # it is the estimate that was sent
        work.start()(0)


def test_an_estimate_for_cpus_is_made_here(config, executor):
    there = executor(nodes=(Node(8),))
    assert generate_verb.generate(config.model_copy(update={"dry_run": True}))["tried"] == 40
    assert there.sent == []


def test_the_plan_has_the_device_of_the_engines_which_is_asked_there(config, executor):
    there = executor(L4)
    with pytest.raises(EnoughSeen):
        generate_verb.generate(config)
    plan = json.loads(open_store(config.out).get("plan.json"))
    assert (plan["device"], plan["rows"], plan["accelerator"]) == ("cuda", 64, L4)
    asked, engines = there.sent
    with pytest.raises(AssertionError, match="CUDA is used"):
        asked.start()(0)
    assert asked.workers.gpu == engines.workers.gpu == 1.0
    with pytest.raises(AssertionError, match="CUDA is used"):  # each engine asks its own
        engines.start()


def test_a_job_begun_on_a_gpu_ends_on_cpus_and_says_so(config, executor, capsys):
    executor(L4)
    with pytest.raises(EnoughSeen):
        generate_verb.generate(config)
    capsys.readouterr()
    books = generate_verb.generate(config.model_copy(update={"gpu": False, "executor": "local"}))
    assert (books["images"], books["written"]) == (40, 40)
    assert f"generate: the job began on {L4} and goes on on cpu" in capsys.readouterr().err
    job = json.loads(open_store(config.out).get("job.json"))
    assert (job["device"], job["accelerator"]) == ("cuda", L4)


def test_the_shards_of_a_job_are_those_that_it_began_with(config, executor, monkeypatch):
    """A GPU has larger ones: what goes on on CPUs reads the requests that lie there."""
    monkeypatch.setattr("ganray.bulk.job.SHARD_IMAGES", (8, 8))
    monkeypatch.setattr("ganray.bulk.job.GPU_SHARDS", 1)
    config = config.model_copy(update={"num": 130})
    executor(L4)
    with pytest.raises(EnoughSeen):
        generate_verb.generate(config)
    books = generate_verb.generate(config.model_copy(update={"gpu": False, "executor": "local"}))
    assert (books["images"], books["written"]) == (130, 130)
    job = json.loads(open_store(config.out).get("job.json"))
    assert (job["shards"], job["shard_images"]) == (2, 128)


def test_a_finished_job_asks_no_gpu(config, executor, capsys):
    books = generate_verb.generate(config.model_copy(update={"gpu": False}))
    assert books["written"] == 40
    there = executor()
    assert generate_verb.generate(config)["existing"] == 40
    assert there.sent == []
    assert "goes on" not in capsys.readouterr().err


def test_engines_go_to_the_kind_that_the_job_began_on(config, executor, capsys):
    kinds = (Node(8, 4, {KIND: "A10G"}), Node(8, 1, {KIND: "L4"}))
    executor(L4)
    with pytest.raises(EnoughSeen):
        generate_verb.generate(config)
    there = executor(L4, nodes=kinds)
    with pytest.raises(EnoughSeen):
        generate_verb.generate(config)
    assert [work.workers.labels for work in there.sent] == [{KIND: "L4"}, {KIND: "L4"}]
    assert there.sent[1].workers.num == 1
    assert "GPUs of several kinds are there (4 A10G, 1 L4): L4 alone is used" in capsys.readouterr().err


def test_edits_read_their_digest_and_are_made_without_cuda(executor, editor_folder, seller_photos, tmp_path, capsys):
    photos = open_store(str(tmp_path / "photos"))
    photos.put("a.jpg", seller_photos["same.jpg"])
    executor()
    asked = EditConfig(source=photos.url, model=editor_folder, edits="upscale:2", out=str(tmp_path / "out"), workers=1)
    assert edit_verb.edit(asked.model_copy(update={"dry_run": True}))["images"] == 1
    assert edit_verb.edit(asked)["written"] == 1
    assert "edit: runs on CPUs alone, so that its results do not depend on GPUs; 1 GPU (L4) there" in capsys.readouterr().err


def test_an_evaluation_has_its_share_of_a_gpu(executor, model, small_catalog, tmp_path):
    there = executor()
    config = EvaluateConfig(model=model, catalog=small_catalog, out=str(tmp_path), num=64, gpu_share=0.5, copies_by="fingerprint")
    with pytest.raises(EnoughSeen):
        evaluate_verb.evaluate(config)
    assert [workers.gpu for workers in there.sent] == [0.5]


def test_a_banner_is_read_without_cuda(model, monkeypatch, capsys):
    from ganray.on_ray.serve import Serving
    from ganray.verbs import serve as room

    running = Serving("http://127.0.0.1:8000", "ganray", True)
    monkeypatch.setattr(room, "_start", lambda config: running)
    assert room.serve(ServeConfig(model=model, ray=RayConfig()), blocking=False) is running


def test_replicas_have_their_share_of_a_gpu_of_one_kind(model):
    from ganray.on_ray import serve as room

    app = room._bind(ServeConfig(model=model, gpu_share=0.25), True, 1, {KIND: "L4"})
    options = app._bound_deployment.ray_actor_options
    assert (options["num_gpus"], options["label_selector"]) == (0.25, {KIND: "L4"})
    assert "label_selector" not in room._bind(ServeConfig(model=model), False, 2)._bound_deployment.ray_actor_options
