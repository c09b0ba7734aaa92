"""Quality against variety: a model's scores at several truncations, and the one to use.

Truncation (BigGAN, Brock et al. 2019, section 3.1) trades one for the other: the same requests are drawn with z cut at fewer and fewer
standard deviations, and each set is scored against the same photos. The curve lies in the model folder as `truncation.json`, beside the
model and no part of it: the model's digest is that of its weights.

The rule: of the values whose coverage is at least 90 % of that without truncation, the weakest whose accuracy is within one standard error
of the best one's (Breiman et al. 1984, section 3.4.3): variety is not given away for what may be chance. Where nothing is recognised, the
one of the least Frechet distance. 0 is not cut, and always measured.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ganray.engine import Engine
from ganray.errors import ConfigError, ObjectNotFound
from ganray.images.codec import Pixels
from ganray.requests import GenerateRequest
from ganray.storage import Store

KEY, FORMAT_VERSION = "truncation.json", 1
LEAST_COVERAGE = 0.9  # of the coverage without truncation
RULE = (
    f"coverage at least {LEAST_COVERAGE:g} of that at truncation 0; of these the weakest whose accuracy is within one standard error of "
    "the best (or else the one of the least frechet)"
)
SHOWN = ("accuracy", "coverage", "frechet", "density", "neighbour_ratio")
Row = dict[str, float]


class Subject(NamedTuple):
    """What is drawn, and how it is scored: `requests` in the order of the photos that `score` compares with."""

    engine: Engine
    requests: Sequence[GenerateRequest]
    score: Callable[[Pixels], dict[str, float]]


def truncations_of(asked: Sequence[float]) -> list[float]:
    """Each value once, from the weakest to the strongest: 0, which is not cut, then falling."""
    return [0.0, *sorted({value for value in asked if value}, reverse=True)]


def measure_curve(subject: Subject, asked: Sequence[float]) -> Iterator[Row]:
    """Draw and score all requests at each truncation; yields the rows of the curve."""
    for value in truncations_of(asked):
        z, labels = subject.engine.draw([(request.model_copy(update={"truncation": value}), 0) for request in subject.requests])
        scores = subject.score(subject.engine.render(z, labels))
        yield {"truncation": value, **{name: float(f"{scores[name]:.6g}") for name in SHOWN if name in scores}}


def choose(rows: Sequence[Row], num: int) -> float:
    """The truncation that RULE chooses, of scores of `num` images; rows are ordered from the weakest to the strongest, the first is not
    cut."""
    least = LEAST_COVERAGE * rows[0]["coverage"] - 1e-9  # nine tenths of .8 are .72 in binary fractions, too
    fit = [row for row in rows if row["coverage"] >= least]
    if "accuracy" not in rows[0]:
        return min(fit, key=lambda row: row["frechet"])["truncation"]
    best = max(row["accuracy"] for row in fit)
    enough = best - math.sqrt(best * (1 - best) / num)
    return next(row["truncation"] for row in fit if row["accuracy"] >= enough)


def describe_curve(rows: Sequence[Row], report: Mapping[str, Any]) -> dict[str, Any]:
    """The curve with its choice, and what was compared: that of `report`."""
    facts = {"model_digest": report["model"]["digest"], "catalog_digest": report["catalog"]["digest"]}
    facts |= {"extractor_digest": report["extractor"]["digest"], "num": report["num"], "seed": report["seed"]}
    described = {"format_version": FORMAT_VERSION, "software": report["software"], **facts}
    return described | {"rule": RULE, "chosen": choose(rows, report["num"]), "curve": list(rows)}


def write_curve(store: Store, curve: Mapping[str, Any]) -> None:
    """Put the curve into the model folder, in place of an earlier one."""
    store.put(KEY, (json.dumps(curve, indent=1) + "\n").encode())


def chosen_truncation(store: Store, model_digest: str) -> float:
    """What the curve in a model folder says. Raises ConfigError where there is none, or that of another model."""
    where = store.url
    remedy = f"Measure one: ganray evaluate --model {where} --catalog CATALOG --truncations 0.5,0.7,1,1.5,2; or give a number"
    try:
        curve = json.loads(store.get(KEY))
        found, chosen = curve["model_digest"], float(curve["chosen"])
    except ObjectNotFound:
        raise ConfigError(f"truncation = auto: {where} has no curve ({KEY})", remedy) from None
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"truncation = auto: {store.url_of(KEY)} is no curve", remedy) from error
    if found != model_digest:
        raise ConfigError(f"truncation = auto: {store.url_of(KEY)} was measured on another model than lies there now", remedy)
    return chosen


def format_curve(curve: Mapping[str, Any]) -> str:
    """The curve for a person, a line a value."""
    names = [name for name in SHOWN if name in curve["curve"][0]]
    lines = ["truncation " + " ".join(f"{name:>15}" for name in names)]
    for row in curve["curve"]:
        mark = "  <- auto" if row["truncation"] == curve["chosen"] else ""
        lines.append(f"{row['truncation']:<10g} " + " ".join(f"{row[name]:>15.4g}" for name in names) + mark)
    return "\n".join(lines)
