"""`check`: faults planted in clean studio photos that the checker finds, and clean photos that it fails.

Photos are drawn; with `--cutouts` a third are cut-outs. A fault is found where its rule does not hold, as a failure or as advice; a clean
photo is failed wrongly where a rule about content fails it. Rules that were not checked, for want of an extra, are named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from ganray.benchmarks import edit_fixtures as fixtures
from ganray.benchmarks.clean_photos import clean_photos
from ganray.benchmarks.planted_faults import FAULTS
from ganray.config import BenchmarkConfig
from ganray.images.codec import Pixels, encode
from ganray.profiles import Content, profile
from ganray.profiles.checker import check
from ganray.profiles.report import Report

PROFILE, SIDE = "amazon-main", 800
EACH, CLEAN = 5, 60  # photos with each fault, and without any


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """Two rows: the share of planted faults that are found, and the share of clean photos that fail."""
    cutouts = fixtures.cutouts(config) if config.cutouts else []
    photos = list(clean_photos(config.images or CLEAN, SIDE, cutouts))
    clean = [report_of(encode(pixels, "jpeg")) for _, pixels in photos]
    wrong = [broken(report) for report in clean]
    found, failed = 0, 0
    recall: dict[str, int] = {}
    sheet: list[list[Pixels]] = []
    for name, data, pixels in planted(photos):
        report = report_of(data)
        hit = name in broken(report)
        found, failed = found + hit, failed + (name in broken(report, must=True))
        recall[name] = recall.get(name, 0) + hit
        sheet.append([pixels])
    total = EACH * len(FAULTS)
    alarms = Counter(rule for rules in wrong for rule in rules)
    must = sum(bool(broken(report, must=True)) for report in clean)
    facts: dict[str, Any] = {
        "recall": " ".join(f"{name} {num}/{EACH}" for name, num in recall.items()),
        "precision": " ".join(f"{name} {num / max(1, num + alarms[name]):.2f}" for name, num in recall.items()),
        "failing": failed,
        "not_checked": " ".join(sorted({finding.rule for report in clean for finding in report.unchecked})) or "nothing",
        "sheet": fixtures.write_sheet("check", sheet),
    }
    advised = sum(bool(rules) for rules in wrong) / len(clean)
    return [
        {"name": "check", "value": found, "baseline": total, "ratio": found / total, "unit": "faults", **facts},
        {"name": "clean", "value": must, "baseline": len(clean), "ratio": must / len(clean), "unit": "failed", "at_most": 0.02}
        | {"with_advice": round(advised, 3)},
    ]


def planted(photos: list[tuple[str, Pixels]]) -> Iterator[tuple[str, bytes, Pixels]]:
    """EACH photos with each fault: its name, the file, and the pixels that were encoded; the same ones in every run. Mattes go wrong on
    people."""
    for kind, (name, fault) in enumerate(FAULTS.items()):
        usable = [pixels for of, pixels in photos if name != "cutout" or of == "person"]
        for number in range(EACH):
            place = number * (len(FAULTS) + 1) + kind  # so that each fault meets every kind of photo
            rng = np.random.default_rng([3, number, kind])
            made = fault(usable[place % len(usable)], usable[(place + 1) % len(usable)], rng)
            if isinstance(made, bytes):
                yield name, made, usable[place % len(usable)]
            else:
                yield name, encode(made, "png" if name == "compression" else "jpeg"), made


def report_of(data: bytes) -> Report:
    """The report of a file under PROFILE."""
    return check(data, profile(PROFILE))


def broken(report: Report, must: bool = False) -> set[str]:
    """The rules about content that do not hold; with `must` those that fail the picture."""
    return {
        finding.rule for finding in (report.failed if must else (*report.failed, *report.advice)) if finding.rule in Content.model_fields
    }
