"""`ray job submit --working-dir . -- python jobs/doctor.py [options]`: the verb `doctor`; `--help` explains every option."""

import sys

from ganray.cli import command

if __name__ == "__main__":
    command(["doctor", *sys.argv[1:]])
