"""Whole bulk jobs of both verbs, by the commands that a user types, over an S3 server behind a proxy that injects faults."""

from contextlib import contextmanager

from ganray.benchmarks.exactly_once import Bench
from tests.tools.commands import STDOUT, start_command
from tests.tools.jobs import contents


def no_faults(call):
    return None


class BulkLab(Bench):
    """A Bench whose jobs generate or edit (`verb`; what is edited are a seller's photos), in their own process or on Ray (`executor`).

    Jobs lie in the bucket, or in a local `folder`. A cluster is started with the first job on Ray.
    """

    verb, executor, folder, photos = "generate", "local", "", ""

    def start_cluster(self):
        if self.executor == "ray" and not self._cluster:
            super().start_cluster()

    def arguments(self, name):
        verb, *options = super().arguments(name)
        if self.folder:
            options[options.index("--out") + 1] = f"{self.folder}/{name}"
        if self.verb == verb:
            return [verb, *options]
        table = options.index("--requests")
        del options[table : table + 2]
        options.remove("--no-gpu")
        threads = options.index("--threads")
        del options[threads : threads + 2]
        return ["edit", *options, "--source", self.photos, "--edits", "white", "--workers", "1"]

    @contextmanager
    def driver(self, name):
        self.start_cluster()
        with start_command(self.arguments(name), env=self.environment, stderr=STDOUT) as process:
            try:
                yield process
            finally:
                process.kill()

    def contents(self, name):
        return contents(f"{self.folder}/{name}") if self.folder else super().contents(name)

    def put_photos(self, photos):
        """Put a seller's photos beside the jobs, and edit them once without a fault."""
        source = self.store.child("photos")
        for key, data in photos.items():
            source.put(key, data)
        self.photos, self.verb, self.wholes = source.url, "edit", {"generate": self.whole}
        code, output = self.finish("whole-edit")
        assert code == 0, output
        self.wholes["edit"] = self.contents("whole-edit")

    def reset(self, verb="generate", executor="local"):
        """What the next jobs are; without faults, in the bucket."""
        self.verb, self.executor, self.folder, self.proxy.plan = verb, executor, "", no_faults

    def stop(self, name, message):
        """Run a job that is to stop with exit code 3 or 5 and one line of ganray's; returns the code."""
        code, output = self.finish(name)
        lines = [line for line in output.splitlines() if line.startswith("ganray ")]
        assert code in (3, 5) and len(lines) == 1 and "Traceback" not in output, output
        assert lines[0].startswith(f"ganray {self.verb}: error: ") and message in lines[0], output
        return code

    def end(self, name):
        """Run a job that is to succeed; its objects are those of a job without faults."""
        self.proxy.plan = no_faults
        code, output = self.finish(name)
        assert code == 0, output
        found, whole = self.contents(name), self.wholes[self.verb]
        assert found.keys() == whole.keys()
        assert [key for key in found if found[key] != whole[key]] == []
