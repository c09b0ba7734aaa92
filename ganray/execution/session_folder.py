"""Where a cluster that is started on this machine keeps its sockets and logs.

Ray's default, RAY_TMPDIR, TMPDIR or /tmp, fails where its path is too long for a socket (schedulers and CI set long TMPDIRs) or belongs to
another user of the machine.
"""

from __future__ import annotations

import os
from pathlib import Path

from ganray.errors import ClusterError

SOCKET_PATH = 107  # bytes that Linux allows for the path of a socket (unix(7))
LONGEST_TAIL = "/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store.4194304"  # of the paths that Ray makes in its folder
FALLBACKS = ("/tmp", "/var/tmp", "/dev/shm")


def session_folder() -> str:
    """An absolute folder that this user can write and whose sockets have short paths: Ray's default, or one named after the user.

    Raises ClusterError where there is none.
    """
    default = Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp").absolute() / "ray"
    candidates = [default, *(Path(root) / f"ray-{os.getuid()}" for root in FALLBACKS)]
    for folder in candidates:
        if len(os.fsencode(folder)) + len(LONGEST_TAIL) <= SOCKET_PATH and _is_own(folder):
            return str(folder)
    tried = ", ".join(map(str, candidates))
    raise ClusterError(f"Ray has no folder for its sockets: none of {tried} is short and can be written", "Set RAY_TMPDIR to one that is")


def _is_own(folder: Path) -> bool:
    """Whether the folder is this user's; it is created if it is absent. In another user's, Ray cannot replace the files of that user."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        owner = folder.stat().st_uid
    except OSError:
        return False
    return os.getuid() in (0, owner) and os.access(folder, os.W_OK | os.X_OK)
