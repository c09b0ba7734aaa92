"""The checker's report: for each rule what was found, what is wanted, and which edit would correct it."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict

from ganray.profiles.profile import Level


class Finding(BaseModel):
    """The result of one rule. `ok` is None where the rule was not checked, and `found` then says why: neither a pass nor a failure.

    `mend` names what would correct it, an edit or else, empty if nothing can. Level `should` is advice. `since` is the future day from
    which the rule fails the picture."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    ok: bool | None
    found: str
    wanted: str
    mend: str = ""
    level: Level = "must"
    since: date | None = None

    @property
    def broken(self) -> bool:
        """Whether the rule was checked and does not hold."""
        return self.ok is False

    @property
    def fails(self) -> bool:
        """Whether it fails the picture on the report's day; what is broken and does not is advice."""
        return self.broken and self.level == "must" and self.since is None

    def __str__(self) -> str:
        if self.ok is None:
            return f"not checked {self.rule}: {self.found}"
        status = "ok" if self.ok else f"from {self.since}" if self.since else "FAILS" if self.level == "must" else "advice"
        return f"{status:<6} {self.rule}: {self.found}, wanted {self.wanted}" + (
            f"; {self.mend} mends it" if self.mend and self.broken else ""
        )


class Report(BaseModel):
    """A picture against a profile. `width`, `height` and `product` (the longer side of its box, 0 if unknown) are in pixels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str
    version: date
    day: date | None
    kind: str = ""
    width: int = 0
    height: int = 0
    product: int = 0
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every rule of level `must` that was checked holds on the report's day."""
        return not self.failed

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The findings that fail the picture."""
        return tuple(finding for finding in self.findings if finding.fails)

    @property
    def advice(self) -> tuple[Finding, ...]:
        """The findings that do not hold but do not fail the picture on the report's day."""
        return tuple(finding for finding in self.findings if finding.broken and not finding.fails)

    @property
    def unchecked(self) -> tuple[Finding, ...]:
        """The findings of rules that were not checked."""
        return tuple(finding for finding in self.findings if finding.ok is None)
