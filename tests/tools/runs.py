"""The smallest run that has everything: 12 steps of a tiny network on 32 px, three checkpoints, two grids."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from ganray.config import TrainConfig
from ganray.evaluation.run_scores import RunScorer
from ganray.model_folder import load_model
from ganray.runs.checkpoints import places
from ganray.runs.messages import Note, Score
from ganray.runs.scoring import Verdict
from ganray.storage import open_store

TINY = {
    "kimg": 0.192,
    "batch": 16,
    "checkpoint_kimg": 0.064,
    "log_kimg": 0.032,
    "grid_kimg": 0.096,
    "threads": 1,
    "precision": "fp32",
    "executor": "local",
    "model": {"resolution": 32, "widths": (8, 8, 8), "patch": 2, "z_dim": 8, "embed_dim": 4},
    "augment": {"p": 0.3},
    "data": {"window": 48},
}
SCORED = {**TINY, "log_kimg": 0.016, "grid_kimg": 0.192, "score": {"kimg": 0.032, "num": 64, "extractor_kimg": 0.2}}


def tiny(catalog, out, **changes) -> TrainConfig:
    """TINY with changes, in this process unless `executor` says otherwise."""
    return TrainConfig.model_validate({**TINY, "catalog": str(catalog), "out": str(out), **changes})


def checkpoints(out) -> list[int]:
    """The clocks of the whole checkpoints of a run, the newest first."""
    return [place.num_images for place in places(open_store(str(out)))]


def learned(out) -> dict[str, torch.Tensor]:
    """Everything that a finished run has learned: its last checkpoint (networks, average, both optimizers) and its model."""
    newest = places(open_store(str(out)))[0]
    assert newest.num_images == 192
    tensors = load_file(Path(out) / newest.folder / "state.safetensors")
    assert {name.split(".")[0] for name in tensors} >= {"generator", "discriminator", "ema", "opt_g", "opt_d"}
    return tensors | {f"model.{name}": tensor for name, tensor in load_file(Path(out) / "model.safetensors").items()}


def differing(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> list[str]:
    """The names of tensors that are not bit-equal."""
    assert ours.keys() == theirs.keys()
    return [name for name in ours if not torch.equal(ours[name], theirs[name])]


def weights(url) -> dict[str, torch.Tensor]:
    """The generator of a model folder."""
    return load_model(str(url))[0].state_dict()


def rows(out) -> list[dict]:
    """The lines of a run's log."""
    return [json.loads(line) for path in Path(out).glob("logs/*/metrics.jsonl") for line in path.read_text().splitlines()]


class ScorerHere:
    """A `Scorer` without a process of its own, which takes seconds to start: the run waits while it scores."""

    def __init__(self, config, info, mailbox):
        self._scorer = RunScorer(config, info, 1, lambda row: mailbox.send(Score(row)), lambda text: mailbox.send(Note(text)))
        self._scorer.prepare()

    def submit(self, weights, num_images):
        self._verdict = Verdict(self._scorer.score(weights, num_images), self._scorer.best())

    def poll(self):
        return self._verdict

    def wait(self):
        return self._verdict

    def close(self):
        """There is nothing to end."""


def start_scorer_here(group, config, info) -> ScorerHere:
    """In place of `LocalWorkerGroup.start_scorer`."""
    return ScorerHere(config, info, group.mailbox)
