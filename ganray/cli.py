"""`ganray VERB`: the same verbs, one for one, as `python jobs/VERB.py`. Parse, call, print; errors are one line.

Torch, Ray and the rooms are imported only when a verb runs, so that `--help` is instant and OMP settings come first.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from ganray import __version__
from ganray.commands import VERBS, Verb
from ganray.errors import GanrayError

# What Ray prints to a driver by itself: hosts that are lost, readers that are stopped. ganray says what a person has to know of it.
RAY_MESSAGES = "."


def usage() -> str:
    """The list of verbs with their one-line descriptions."""
    rows = "\n".join(f"  {verb.name:<13}{verb.summary}" for verb in VERBS.values())
    return (
        f"ganray {__version__}\n\nusage: ganray VERB [options]    (or: python jobs/VERB.py [options])\n\n{rows}\n\n"
        "`ganray VERB --help` explains every option. Options are also read from --config FILE.yaml and GANRAY_VERB_* variables."
    )


def main(argv: Sequence[str]) -> int:
    """Run one verb; returns the exit code (0, 1 where `check` finds pictures that fail, the error's own, or 130 after Ctrl-C)."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if argv[0] in ("-V", "--version"):
        print(__version__)
        return 0
    if argv[0] not in VERBS:
        print(f"ganray {argv[0]}: unknown verb. Use one of {', '.join(VERBS)}", file=sys.stderr)
        return 2
    verb = VERBS[argv[0]]
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", RAY_MESSAGES)  # read when ray loads
    try:
        return run(verb, argv[1:])
    except KeyboardInterrupt:
        print(f"\nganray {verb.name}: interrupted. {_how_to_go_on(verb.name)}", file=sys.stderr)
        return 130
    except Exception as error:
        return _report(verb, error)


def run(verb: Verb, argv: Sequence[str]) -> int:
    """Read the options, run the verb, print its result; returns the exit code. Errors are the caller's."""
    from ganray import settings

    config = settings.load(verb.name, verb.load_config(), argv)
    module, function = verb.load_function()
    result = function(config)
    if result is not None:
        print(getattr(module, "show", _table)(result))
    return int(getattr(module, "exit_code", _success)(result))


def entry() -> None:
    """The console script."""
    command(sys.argv[1:])


def command(argv: Sequence[str]) -> NoReturn:
    """Run one verb and end the process with its exit code, at once: shards that an error or a signal made needless are not waited for."""
    code: object
    try:
        code = main(argv)
        sys.stdout.flush()
    except SystemExit as exit:
        code = exit.code
    except BrokenPipeError:
        if _output_is_read():
            raise
        code = 128 + signal.SIGPIPE
    local = sys.modules.get("ganray.execution.local")
    if isinstance(code, int) and local is not None and local.lanes_running():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    raise SystemExit(code)


def _output_is_read() -> bool:
    """Whether somebody still reads what is printed; where `| head` has ended, the rest goes nowhere."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)  # errors and hang-ups are always told
    if not output.poll(0):
        return True
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return False


def _report(verb: Verb, error: Exception) -> int:
    """Print a GanrayError as one line, also one that Ray has wrapped; any other error is a defect and keeps its traceback."""
    cause = error if type(error).__module__ == GanrayError.__module__ or "ray" not in sys.modules else _unwrap(error)
    if not isinstance(cause, GanrayError):
        raise error
    print(f"ganray {verb.name}: error: {cause}", file=sys.stderr)
    return cause.exit_code


def _unwrap(error: Exception) -> GanrayError | None:
    from ganray.on_ray.errors import find_ganray_error

    return find_ganray_error(error)


def _how_to_go_on(verb: str) -> str:
    if verb.startswith("train"):
        return "Continue with the same command and --resume"
    return "Run the same command again: finished work is kept"


def _success(result: object) -> int:
    """The exit code of a verb without an `exit_code` of its own: success."""
    return 0


def _table(result: dict[str, Any]) -> str:
    """A verb's result as lines of `name  value`, for verbs without a `show` of their own."""
    width = max(len(name) for name in result)
    return "\n".join(
        f"{name:<{width}}  {value:.6g}" if isinstance(value, float) else f"{name:<{width}}  {value}" for name, value in result.items()
    )
