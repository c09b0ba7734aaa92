"""What stands around an app: keys, accounts, numbers and the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ganray.config import ServeConfig
from ganray.serving.access import anonymous_allowed
from ganray.serving.audit import Audit
from ganray.serving.keys import KeyRing
from ganray.serving.metrics import ServerMetrics
from ganray.serving.rates import Ledger, LocalLedger
from ganray.serving.tracing import Tracing, tracing_of


@dataclass(frozen=True)
class Services:
    """Of one server process. `anonymous` says that requests without a key are answered."""

    keys: KeyRing
    ledger: Ledger
    metrics: ServerMetrics
    audit: Audit | None = None
    anonymous: bool = True
    tracing: Tracing | None = None

    @classmethod
    def of(cls, config: ServeConfig, device: str = "", ledger: Ledger | None = None) -> Self:
        """As a configuration says. Raises ConfigError for a server that everybody could use without anyone having said so."""
        keys = KeyRing(config.keys)
        anonymous = anonymous_allowed(config, keys)
        audit = Audit(config.audit) if config.audit else None
        services = cls(keys, ledger or LocalLedger(), ServerMetrics(device), audit, anonymous, tracing_of())
        if audit is not None:
            services.metrics.gauge("ganray_audit_lines_dropped", "Lines that found no place.", lambda: audit.dropped)
        return services

    def close(self) -> None:
        """Look no more for new keys, and write what audit and traces hold."""
        self.keys.close()
        if self.audit is not None:
            self.audit.close()
        if self.tracing is not None:
            self.tracing.close()
