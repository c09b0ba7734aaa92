"""The page of a run: curves, pictures and figures in one file, without scripts. `live_page.py` says when it is written."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganray.config import TrainConfig
from ganray.metrics import MERIT, RUN_FIGURES
from ganray.pages import data_url, render
from ganray.runs.charts import Chart, Line, chart, series, share, short
from ganray.runs.history import RUNNING, Row, RunHistory, kimg_of
from ganray.runs.trackers import name_of


@dataclass(frozen=True)
class Pictures:
    """A film of `num` grids (WebP) at the key `film_key`, and some of them as labelled JPEGs, by the keys of the grids."""

    num: int
    film_key: str
    film: bytes
    steps: Mapping[str, bytes]


@dataclass(frozen=True)
class Curves:
    """One chart: keys of rows with what to call them."""

    title: str
    keys: Mapping[str, str]
    meaning: str = ""
    percent: bool = False


CURVES = (
    Curves("Losses", {"loss_d": "D", "loss_g": "G"}, "0.69 each where D cannot tell real from made; 1.39 for the D of bce."),
    Curves(
        "Naming values",
        {"classes_d": "D, of real images", "classes_g": "D, of made ones"},
        "Cross entropy of D's classifier, model.classifier: 0 where it names every value rightly.",
    ),
    Curves("Logit, real minus made", {"logit": "mean"}, "How far D holds real images above made ones; 0 where it cannot tell."),
    Curves("D's advantage", {"sign": "mean sign"}, "1: D finds every real image more real than its made one. 0: it guesses."),
    Curves("Penalties", {"r1": "R1, at real", "r2": "R2, at made"}, "Mean squared gradient of D, before its weight gamma / 2."),
    Curves("Gradients", {"grad_d": "D", "grad_g": "G"}, "Norm over all weights. A steady rise comes before a run breaks."),
    Curves("Images a second", {"img_per_s": "all workers"}),
    Curves(
        "Waiting for data", {"data_wait": "share of the time"}, "Over 3 %, a larger data.prefetch or more free CPUs help.", percent=True
    ),
    Curves("GPU memory", {"gpu_gib": "GiB at most"}),
    Curves("Augmentation and condition", {"p": "p of each transform", "condition": "strength of labels"}),
    Curves("Spread of a label", {"spread": "samples over photos"}, "How different samples of one label are. Near 0, z is ignored."),
    Curves("Learning rate", {"lr": "lr"}),
    Curves("Weight of the penalties", {"gamma": "gamma"}),
    Curves("Moving average", {"ema_beta": "decay a step"}),
)
SCORES = tuple(
    Curves(figure.title, {name: "model"}, f"{figure.meaning} Dashed: photos that training has not seen.")
    for name, figure in RUN_FIGURES.items()
    if name != MERIT
)


def render_run(seen: RunHistory, config: TrainConfig, pictures: Pictures | None) -> str:
    """HTML of the run as it is; grids are linked to by their keys beside the page."""
    last = seen.rows[-1] if seen.rows else {"kimg": 0.0}
    running = seen.state == RUNNING
    updated = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    return render(
        "run.html",
        title=f"Training {name_of(config)}",
        running=running,
        state=f"{seen.state[:1].upper()}{seen.state[1:]}, as of {updated}",
        done=f"{min(100.0, 100 * last['kimg'] / config.kimg):.1f}",
        figures=figures(seen.rows, config, running),
        pictures=_pictures(pictures) if pictures else None,
        chart_groups=_charts(seen),
        facts=facts(config),
    )


def seconds_left(rows: Sequence[Row], config: TrainConfig, elapsed: float) -> float:
    """Until `kimg` at the speed of the last ten rows, or until `minutes` are over, `elapsed` seconds after the run began."""
    per_image = [1 / max(row["img_per_s"], 1e-9) for row in rows[-10:] if "img_per_s" in row]
    by_images = 1000 * (config.kimg - rows[-1]["kimg"]) * sum(per_image) / max(1, len(per_image))
    by_time = 60 * config.minutes - elapsed if config.minutes else math.inf
    return max(0.0, min(by_images, by_time))


def figures(rows: Sequence[Row], config: TrainConfig, running: bool) -> dict[str, str]:
    """The run at a glance: as a person reads it."""
    last = rows[-1] if rows else {"kimg": 0.0}
    shown = {"thousand images": f"{short(last['kimg'])} of {short(config.kimg)}"}
    if running and "eta_s" in last:
        shown["left"] = duration(last["eta_s"])
    words = {
        "img_per_s": ("images a second", short),
        "loss_d": ("loss of D", short),
        "loss_g": ("loss of G", short),
        "logit": ("logit, real minus made", short),
        "data_wait": ("waiting for data", share),
        "gpu_gib": ("GiB of GPU memory", short),
    }
    return shown | {name: show(last[key]) for key, (name, show) in words.items() if key in last}


def duration(seconds: float) -> str:
    """Two units of time at most: 45 s, 3 min 20 s, 5 h 12 min, 3 d 4 h."""
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts, rest = [], round(seconds)
    place = next((place for place, (_, size) in enumerate(units) if rest >= size), 3)
    for name, size in units[place : place + 2]:
        parts.append(f"{rest // size} {name}")
        rest %= size
    return " ".join(part for part in parts if not part.startswith("0 ")) or "0 s"


def facts(config: TrainConfig) -> dict[str, str]:
    """The settings of the run, without paths or buckets."""
    model, loss = config.model, config.loss
    return {
        "Networks": f"{model.name} at {model.resolution} px, widths {', '.join(map(str, model.widths))}, z {model.z_dim} ({config.preset})",
        "Loss": f"{loss.name}, penalty {loss.penalty}",
        "Batch": f"{config.batch} images over {config.workers} worker(s)",
        "Seed": str(config.seed),
        "Licence of the model": config.license,
        "Figures": "logs/*/metrics.jsonl, and TensorBoard: tensorboard --logdir MODEL/logs",
    }


def _pictures(pictures: Pictures) -> dict[str, Any]:
    steps = [{"key": key, "picture": data_url("image/jpeg", step), "kimg": short(kimg_of(key))} for key, step in pictures.steps.items()]
    return {"num": pictures.num, "film_key": pictures.film_key, "film": data_url("image/webp", pictures.film), "steps": steps}


def _charts(seen: RunHistory) -> dict[str, list[Chart]]:
    """The charts that have something to show, by the title of their group; a group without charts is left out."""
    known = {key for curves in CURVES for key in curves.keys} | {"kimg", "eta_s"}
    more = dict.fromkeys(key for row in seen.rows[-1:] for key in row if key not in known)
    groups = {
        "Scores": [_scored(curves, seen.scores) for curves in SCORES],
        "Training": [_drawn(curves, seen.rows) for curves in (*CURVES, *(Curves(key, {key: key}) for key in more))],
    }
    return {title: drawn for title, charts in groups.items() if (drawn := [chart for chart in charts if chart])}


def _drawn(curves: Curves, rows: Sequence[Row]) -> Chart | None:
    lines = [Line(name, series(rows, key)) for key, name in curves.keys.items()]
    return chart(curves.title, lines, curves.meaning, curves.percent)


def _scored(curves: Curves, scores: Sequence[Row]) -> Chart | None:
    """Beside each score its floor, where there is one."""
    lines = [
        line
        for key, name in curves.keys.items()
        for line in (Line(name, series(scores, key)), Line("photos", series(scores, f"{key}_floor"), floor=True))
    ]
    return chart(curves.title, lines, curves.meaning) if lines[0].points else None
