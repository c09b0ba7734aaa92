"""`ray job submit --working-dir . -- python jobs/profiles.py [options]`: the verb `profiles`; `--help` explains every option."""

import sys

from ganray.cli import command

if __name__ == "__main__":
    command(["profiles", *sys.argv[1:]])
