"""The folder of temporary files, Ray's folder for its sockets, and the limit of open files."""

from __future__ import annotations

from dataclasses import dataclass

from ganray.doctor.finding import Finding, note, ok, problem
from ganray.doctor.memory import GIB, gib

LEAST, FEW = 1 * GIB, 10 * GIB  # listings, spilled objects and logs lie there
RAY_FULL = 0.95  # of a disk: above it Ray refuses to spill objects
OPEN_FILES, FEW_FILES = 1024, 8192  # ray asks for 8192; each worker and each connection takes several


@dataclass(frozen=True)
class TemporaryFolder:
    """Where temporary files go; `error` says why it cannot be written.

    `sockets` is Ray's folder for its sockets, `default` the one that Ray takes by itself; `sockets_error` says why it has none. All
    three are empty where they were not looked for, in a TMPDIR that is not there.
    """

    path: str
    size: int = 0
    free: int = 0
    error: str = ""
    sockets: str = ""
    default: str = ""
    sockets_error: str = ""


def disk_findings(folder: TemporaryFolder) -> list[Finding]:
    """The lines of the temporary folder and of the sockets in it."""
    return [_space(folder), *([_sockets(folder)] if folder.default else [])]


def _space(folder: TemporaryFolder) -> Finding:
    if folder.error:
        return problem(
            "temporary files", f"{folder.path} cannot be written: {folder.error}", "Set TMPDIR to a folder that this user can write"
        )
    text = f"{folder.path}, {gib(folder.free)} of {gib(folder.size)} free"
    remedy = "Free some space, or set TMPDIR to a larger disk"
    if folder.free < LEAST:
        return problem("temporary files", f"{text}: listings, logs and spilled objects do not fit", remedy)
    if folder.size and 1 - folder.free / folder.size > RAY_FULL:
        return note("temporary files", f"{text}: over {RAY_FULL:.0%} full, where Ray stops spilling objects to it", remedy)
    if folder.free < FEW:
        return note("temporary files", f"{text}: little for large jobs", remedy)
    return ok("temporary files", text)


def _sockets(folder: TemporaryFolder) -> Finding:
    if folder.sockets_error:
        return problem("Ray's sockets", folder.sockets_error, "Set RAY_TMPDIR to a short path that this user can write")
    if folder.sockets != folder.default:
        why = f"{folder.default} is too long for a socket's path, or another user's"
        return note(
            "Ray's sockets", f"in {folder.sockets}: {why}", "`ray start` by hand needs a short --temp-dir; ganray's own clusters are fine"
        )
    return ok("Ray's sockets", f"in {folder.sockets}: short enough")


def open_files_findings(soft: int, hard: int) -> list[Finding]:
    """The line of the limit of open files; -1 is none."""
    text = "open files"
    limit = "no limit" if soft < 0 else f"{soft:,} (may be raised to {hard:,})" if soft != hard and hard > 0 else f"{soft:,}"
    remedy = "ulimit -n 65536 before the command or `ray start`; LimitNOFILE= of a systemd unit, --ulimit nofile=65536 of docker"
    if 0 <= soft < OPEN_FILES:
        return [problem(text, f"{limit}: too few for a Ray node and its connections", remedy)]
    if 0 <= hard < FEW_FILES:
        return [note(text, f"{limit}: Ray asks for {FEW_FILES:,} on a cluster", remedy)]
    return [ok(text, limit)]
