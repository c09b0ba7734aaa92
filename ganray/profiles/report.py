"""What the checker found: a row for each rule, with what it wanted, and which edit would mend it."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict

from ganray.profiles.profile import Level


class Finding(BaseModel):
    """One rule. `mend` names the edit that would mend it, empty where none can; a rule that only `should` hold fails no picture. `since` is
    the day from which it fails, where that day is still to come."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    ok: bool
    found: str
    wanted: str
    mend: str = ""
    level: Level = "must"
    since: date | None = None

    def __str__(self) -> str:
        word = "ok" if self.ok else f"from {self.since}" if self.since else "FAILS" if self.level == "must" else "advice"
        return f"{word:<6} {self.rule}: {self.found}, wanted {self.wanted}" + (
            f"; {self.mend} mends it" if self.mend and not self.ok else ""
        )


class Report(BaseModel):
    """A picture against a profile. `width`, `height` and `product` (the longer side of its box, 0 where it cannot be told) are pixels."""

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
        """Whether every rule that must hold does, on the report's day."""
        return all(finding.ok or finding.level != "must" or finding.since is not None for finding in self.findings)

    @property
    def failed(self) -> tuple[Finding, ...]:
        """What fails the picture."""
        return tuple(finding for finding in self.findings if not finding.ok and finding.level == "must" and finding.since is None)

    @property
    def advice(self) -> tuple[Finding, ...]:
        """What does not hold, but fails no picture today."""
        return tuple(finding for finding in self.findings if not finding.ok and (finding.level != "must" or finding.since is not None))
