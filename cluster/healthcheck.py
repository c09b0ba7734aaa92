"""Whether this container is well: its Ray node answers, or, where none runs, ganray starts. The HEALTHCHECK of the image.

It imports little: it runs every half minute beside the work, and a check that is slow on a busy node would call it ill.
"""

import re
import subprocess
import sys
import urllib.request
from pathlib import Path

TIMEOUT_S = 10


def raylets() -> list[str]:
    """The command lines of the Ray nodes of this container."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_text(errors="replace").split("\0")
        except OSError:  # the process has ended
            continue
        if Path(words[0]).name == "raylet":
            found.append(" ".join(words))
    return found


def answers(raylet: str) -> bool:
    """Whether a node's agent finds its raylet alive. A node of `ray start` has an agent at a port; one of `ray.init` need not."""
    port = re.search(r"--listen-port=([1-9]\d*)", raylet)
    if port is None:
        return True
    url = f"http://127.0.0.1:{port[1]}/api/local_raylet_healthz"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never by a proxy of the environment
    try:
        with opener.open(url, timeout=TIMEOUT_S) as answer:
            return b"success" in answer.read()
    except OSError:
        return False


def main() -> int:
    """0 where all is well."""
    if nodes := raylets():
        return 0 if all(map(answers, nodes)) else 1
    return subprocess.run(["ganray", "--version"], capture_output=True, check=False, timeout=TIMEOUT_S).returncode


if __name__ == "__main__":
    sys.exit(main())
