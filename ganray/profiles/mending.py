"""The chain of edits for `ganray edit` that would correct a picture."""

from __future__ import annotations

import math

from ganray.profiles.profile import Content, Profile, Rules, best_frame, least_frame
from ganray.profiles.report import Report

FACTORS = (2, 3, 4)  # of upscale
USUAL_FILL = 0.6  # assumed share of a photo's longer side that a product fills if it cannot be measured; most fill more
SAFETY_MARGIN = 0.97  # safety margin: the boxes of the editor and the checker differ slightly
NOT_EDITABLE = ("readable", "synthetic", "label", *Content.model_fields)  # rules that no chain corrects without being told how


def mending(report: Report, profile: Profile, name: str = "") -> list[str]:
    """The chain of edits for a picture that fails now or later; [] if it passes or no edit can help.

    `name` is the parameter of conform if it is not the profile's own name: the path of its file.
    """
    failures = [finding for finding in report.findings if finding.broken and (finding.level == "must" or finding.mend == "conform")]
    if not any(finding.level == "must" for finding in failures) or any(
        finding.rule in NOT_EDITABLE and finding.level == "must" for finding in failures
    ):
        return []
    rules = profile.on(None, report.kind)
    if any(finding.rule == "fill" and not finding.mend for finding in failures):
        return []  # no product was found
    factor = enlargement(report, rules)
    if factor > FACTORS[-1]:
        return []
    ground = ["white"] if rules.background.kind == "white" and any(finding.rule == "background" for finding in failures) else []
    return [*ground, *([f"upscale:{factor}"] if factor > 1 else []), f"conform:{name or profile.name}"]


def enlargement(report: Report, rules: Rules) -> int:
    """The factor by which upscale must enlarge the picture for the smallest frame of the rules: 1 to 4, more if none suffices."""
    ratio = rules.aspect.ratio if rules.aspect else 1.0
    least = max(least_frame(rules, ratio))
    long_side = max(report.width, report.height)
    product = report.product or round(USUAL_FILL * long_side)
    if rules.background.kind == "any" and not report.product:
        available = float(long_side)  # conform uses the whole photo where it finds no product
    else:
        available = SAFETY_MARGIN * product / (rules.fill.aim if rules.fill else 1.0)
    needed = least / max(available, 1.0)
    if needed <= 1 or max(best_frame(rules, ratio)) < least:
        return 1
    return next((factor for factor in FACTORS if factor >= needed), math.ceil(needed))
