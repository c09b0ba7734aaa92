"""`ray job submit --working-dir . -- python jobs/ingest.py [options]`: the verb `ingest`; `--help` explains every option."""

import sys

from ganray.cli import command

if __name__ == "__main__":
    command(["ingest", *sys.argv[1:]])
