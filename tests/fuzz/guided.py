"""python -m tests.fuzz.guided TARGET --minutes M: the targets and rules, guided by coverage of ganray's own code (pip install atheris).

libFuzzer stops at the first input that breaks a rule, and leaves it in out/fuzz.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ganray"], enable_loader_override=False):
    from tests.fuzz.runner import CPU_SECONDS, MEMORY_BYTES, judge
    from tests.fuzz.targets import TARGETS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long")
    options = parser.parse_args()
    check, seeds = TARGETS[options.target].prepare()
    corpus, out = tempfile.mkdtemp(prefix="ganray-corpus-"), Path("out/fuzz") / options.target
    out.mkdir(parents=True, exist_ok=True)
    for data in seeds:
        (Path(corpus) / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)

    def one(data: bytes) -> None:
        finding = judge(check, data)
        if finding:
            raise RuntimeError(f"{finding.rule}\n{finding.detail}")

    limits = [f"-max_total_time={60 * options.minutes:.0f}", f"-timeout={60 * CPU_SECONDS:.0f}", f"-rss_limit_mb={4 * MEMORY_BYTES >> 20}"]
    atheris.Setup([sys.argv[0], corpus, *limits, f"-artifact_prefix={out}/", "-print_final_stats=1"], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
