"""Clocks: requests to a store are signed with the time, and the times of hosts stand beside each other in logs and manifests."""

from __future__ import annotations

import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from ganray.doctor.finding import Finding, note, ok, problem

LIMIT_S = 10.0
OFF_S, WRONG_S = 5.0, 240.0  # S3 refuses signatures at 15 minutes, token services at 5
REMEDY = "Set the clock by NTP (chrony or systemd-timesyncd), on all hosts from one source"


def server_clock(endpoint: str, certificates: str | None = None) -> tuple[float, float] | None:
    """(how many seconds this machine is ahead of a server, how much that may be wrong), by the Date header of any answer, also of a
    refusal; None where there is no answer or no date."""
    context = ssl.create_default_context(cadata=certificates) if endpoint.startswith("https:") else None
    if context is not None and certificates:
        context.load_default_certs()
    request = urllib.request.Request(endpoint, method="HEAD")
    sent = time.time()
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_S, context=context) as answer:
            date = answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        with error:
            date = error.headers.get("Date")
    except (OSError, ValueError):
        return None
    received = time.time()
    try:
        told = parsedate_to_datetime(date or "").timestamp() + 0.5  # whole seconds, cut off
    except ValueError:
        return None
    return (sent + received) / 2 - told, (received - sent) / 2 + 0.5


def clock_findings(ahead_s: float, unsure_s: float, whose: str) -> list[Finding]:
    """The line of a clock; `whose` is what it was compared with."""
    size = max(0.0, abs(ahead_s) - unsure_s)
    text = f"{abs(ahead_s):,.1f} s {'ahead of' if ahead_s > 0 else 'behind'} {whose}"
    if size > WRONG_S:
        return [problem("clock", f"{text}: stores refuse what is signed with a wrong time", REMEDY)]
    if size > OFF_S:
        return [note("clock", text, REMEDY)]
    return [ok("clock", f"within {max(1.0, abs(ahead_s) + unsure_s):,.0f} s of {whose}")]


def node_clock_findings(ahead_s: Mapping[str, tuple[float, float]]) -> list[Finding]:
    """One line of all nodes' clocks against this machine's, where there are some: host -> (seconds ahead, how much that may be wrong)."""
    if not ahead_s:
        return []
    off = {host: ahead for host, (ahead, unsure) in ahead_s.items() if abs(ahead) - unsure > OFF_S}
    if not off:
        most = max(abs(ahead) + unsure for ahead, unsure in ahead_s.values())
        return [ok("clocks", f"{len(ahead_s)} other node(s) within {max(1.0, most):,.0f} s of this machine")]
    text = ", ".join(f"{host} {ahead:+,.0f} s" for host, ahead in off.items())
    wrong = any(abs(ahead) > WRONG_S for ahead in off.values())
    return [(problem if wrong else note)("clocks", f"not those of this machine: {text}", REMEDY)]
