"""Which edits would mend a picture: the chain to ask `ganray edit` for."""

from __future__ import annotations

import math

from ganray.profiles.profile import Profile, Rules, best_frame, least_frame
from ganray.profiles.report import Report

FACTORS = (2, 3, 4)  # that upscale has
USUAL = 0.6  # of a photo's longer side that a product takes, where the background hides it: less than most do
CAREFUL = 0.97  # the editor's box and the checker's differ by a little
BEYOND = ("readable", "synthetic", "label")  # rules that no edit can meet


def mending(report: Report, profile: Profile, name: str = "") -> list[str]:
    """The chain of edits for a picture that fails, or is going to; [] where nothing is to be done, or nothing can be.

    `name` is what conform is to be told, where that is not the profile's own name: the path of its file.
    """
    broken = [finding for finding in report.findings if not finding.ok and (finding.level == "must" or finding.mend == "conform")]
    if not any(finding.level == "must" for finding in broken) or any(finding.rule in BEYOND for finding in broken):
        return []
    rules = profile.on(None, report.kind)
    if any(finding.rule == "fill" and not finding.mend for finding in broken):
        return []  # nothing to be seen in it
    factor = enlargement(report, rules)
    if factor > FACTORS[-1]:
        return []
    ground = ["white"] if rules.background.kind == "white" and any(finding.rule == "background" for finding in broken) else []
    return [*ground, *([f"upscale:{factor}"] if factor > 1 else []), f"conform:{name or profile.name}"]


def enlargement(report: Report, rules: Rules) -> int:
    """By how much the picture must be enlarged for the smallest frame that the rules allow: 1, 2, 3 or 4, more where no factor will do."""
    ratio = rules.aspect.ratio if rules.aspect else 1.0
    least = max(least_frame(rules, ratio))
    whole = max(report.width, report.height)
    product = report.product or round(USUAL * whole)
    if rules.background.kind == "any" and not report.product:
        has = float(whole)  # conform takes the whole photo where it finds no product
    else:
        has = CAREFUL * product / (rules.fill.aim if rules.fill else 1.0)
    needed = least / max(has, 1.0)
    if needed <= 1 or max(best_frame(rules, ratio)) < least:
        return 1
    return next((factor for factor in FACTORS if factor >= needed), math.ceil(needed))
