"""`ray job submit --working-dir . -- python jobs/status.py [options]`: the verb `status`; `--help` explains every option."""

import sys

from ganray.cli import command

if __name__ == "__main__":
    command(["status", *sys.argv[1:]])
