"""How a run ended, and what is done then on the driver: the card, and the facts for a person."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ganray.config import TrainConfig
from ganray.errors import GanrayError
from ganray.model_folder import ModelInfo, load_editor, load_model
from ganray.runs.editor_card import editor_card
from ganray.runs.messages import Result, Row
from ganray.runs.model_card import model_card
from ganray.runs.privacy import SECRET
from ganray.storage import open_store


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended, and what it has shown of itself.

    There is at most one of `result` (a model), `error`, and `handed_over_kimg` (it stopped after a checkpoint); none of them after a crash.
    """

    result: Result | None = None
    error: GanrayError | None = None
    handed_over_kimg: float | None = None
    rows: tuple[Row, ...] = ()
    grids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ending:
    """The digest of what was published, and more facts for a person."""

    digest: str
    facts: dict[str, str]


def finish_model(config: TrainConfig, outcome: RunOutcome) -> Ending:
    """Write the model's card."""
    info = _write_card(config, outcome)
    best = {"best": f"of {info.metrics['kimg']:g} kimg, merit {info.metrics['merit']:.3g}"} if info.metrics else {}
    return Ending(info.digest, best)


def finish_private_model(config: TrainConfig, outcome: RunOutcome) -> Ending:
    """Write the card; delete the secret when the run is over: nobody resumes it, and the noise can never be removed again."""
    info = _write_card(config, outcome)
    assert info.privacy is not None
    if info.num_images >= 1000 * config.kimg:
        open_store(config.out).delete(SECRET)
    return Ending(info.digest, {"privacy": f"epsilon {info.privacy.epsilon:.3g} at delta {info.privacy.delta:g}"})


def finish_editor(config: TrainConfig, outcome: RunOutcome) -> Ending:
    """Write the editor's card."""
    editor = load_editor(config.out)[1]
    open_store(config.out).put("README.md", editor_card(editor, outcome.rows, outcome.grids).encode())
    return Ending(editor.digest, {})


def _write_card(config: TrainConfig, outcome: RunOutcome) -> ModelInfo:
    info = load_model(config.out)[1]
    open_store(config.out).put("README.md", model_card(info, outcome.rows, outcome.grids).encode())
    return info


def summary(config: TrainConfig, result: Result, ending: Ending) -> dict[str, Any]:
    """What a person reads at the end."""
    seconds = result.minutes * 60
    return {
        "model": config.out,
        "digest": ending.digest,
        "kimg": result.kimg,
        **ending.facts,
        "minutes": round(result.minutes, 2),
        "img/s": round(result.images / seconds, 1) if seconds > 0 and result.images else 0.0,
        "finished": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
