"""python -m tests.fuzz TARGET [--minutes M] [--seed N] [--out DIR]: exit code 1 where an input breaks a rule; inputs are kept in DIR."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from tests.fuzz.runner import fuzz, judge
from tests.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long")
    parser.add_argument("--seed", type=int, default=0, help="of hypothesis")
    parser.add_argument("--out", type=Path, default=Path("out/fuzz"), help="folder for inputs that break a rule")
    parser.add_argument("--replay", type=Path, help="try this input alone, in this process")
    options = parser.parse_args()
    target = TARGETS[options.target]
    if options.replay:
        check, _ = target.prepare()
        finding = judge(check, options.replay.read_bytes())
        print(f"{finding.rule}\n{finding.detail}" if finding else "no rule is broken")
        return 1 if finding else 0
    report = fuzz(target, 60 * options.minutes, options.seed)
    for finding in report.findings:
        path = options.out / options.target / f"{hashlib.sha256(finding.data).hexdigest()[:16]}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(finding.data)
        print(f"{finding.rule}: {path}\n{finding.detail}", file=sys.stderr)
    print(f"{options.target}: {report.executions:,} executions, {len(report.findings)} findings")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
