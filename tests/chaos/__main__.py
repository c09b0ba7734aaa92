"""python -m tests.chaos [--verb V] [--kind K] [--seed N] [--seeds M]: run cases of chaos; exit code 1 where a promise is broken."""

from __future__ import annotations

import argparse
import sys

from tests.chaos.faults import FAULTS, VERBS
from tests.chaos.runner import Case, Chaos, Outcome
from tests.tools.host_cluster import missing


def cases(options: argparse.Namespace) -> list[Case]:
    """What the options name, in an order in which clusters last."""
    seeds = range(options.seed, options.seed + options.seeds)
    pairs = [(verb, kind) for kind in options.kind or FAULTS for verb in options.verb or sorted(VERBS) if verb in FAULTS[kind].verbs]
    return [Case(verb, kind, seed) for seed in seeds for verb, kind in pairs]


def line(outcome: Outcome) -> str:
    """A row of the table."""
    case = outcome.case
    state = "; ".join(outcome.broken) or "kept"
    return f"| {case.verb} | {case.kind} | {case.seed} | {outcome.share:.2f} | {outcome.workers_lost} | {outcome.seconds:.0f} | {state} |"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--verb", action="append", choices=sorted(VERBS), help="a verb; all without it")
    parser.add_argument("--kind", action="append", choices=FAULTS, help="a kind of fault; all without it")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds")
    options = parser.parse_args()
    if reason := missing():
        print(reason, file=sys.stderr)
        return 2
    broken, todo = 0, cases(options)
    print("| verb | fault | seed | done before it | workers lost | s | promise |\n|---|---|---|---|---|---|---|", flush=True)
    with Chaos() as chaos:
        for case in todo:
            outcome = chaos.run(case)
            print(line(outcome), flush=True)
            if outcome.broken:
                broken += 1
                print(outcome.output, file=sys.stderr, flush=True)
    print(f"{len(todo) - broken} of {len(todo)} as promised", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
