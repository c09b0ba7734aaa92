"""python -m tests.cluster.hosts_benchmark [hosts-scale] [train-hosts] [recover]: what several hosts bring, on one machine.

Each host has one core of this machine. Head, store and command have none of their own: they take from both.
"""

from __future__ import annotations

import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from ganray.benchmarks.random_model import make_model
from ganray.benchmarks.train import steady
from ganray.catalog.sample import draw, product
from ganray.images.codec import encode
from ganray.storage import open_store
from tests.chaos.jobs import BUCKET
from tests.chaos.runner import Chaos
from tests.cluster import bare_ranks
from tests.tools.host_cluster import HostCluster, Node, missing, wait_for
from tests.tools.hosts import Host

PHOTOS, CATALOG, MODEL = f"{BUCKET}/large-photos", f"{BUCKET}/catalog-32", f"{BUCKET}/demo"
NUM_PHOTOS, SIDE, NUM_IMAGES, TRAINED = 96, 1000, 16_000, 6000
REPEATS, LIMIT = 3, 900.0
ONE_CORE = [Node(cpus=2, core=core) for core in (0, 1)]  # a CPU for an engine, one for what finishes its images
EDIT = ["edit", "--source", PHOTOS, "--edits", "white", "--shard-images", "4"]
GENERATE = ["generate", "--model", MODEL, "--num", str(NUM_IMAGES), "--threads", "1", "--shard-images", "100"]


def put_inputs() -> None:
    """Photos of the size that shops have, and a model whose images take longer to draw than to write."""
    store = open_store(PHOTOS)
    for number in range(NUM_PHOTOS):
        store.put(f"{number:05d}.jpg", encode(draw(product(0, number), SIDE)[0], "jpeg"))
    make_model(MODEL)


def rate(output: str) -> float:
    """Images a second, as the last line of a bulk job says it."""
    (*_, found) = re.findall(r"([\d.,]+) img/s", output)
    return float(found.replace(",", ""))


@contextmanager
def cluster() -> Iterator[tuple[HostCluster, list[Host]]]:
    """A cluster of two hosts of one core each, and of one CPU: otherwise Ray Train would place both workers on one."""
    with HostCluster() as hosts:
        hosts.start_head()
        yield hosts, [hosts.join(f"host{node.core}", replace(node, cpus=1)) for node in ONE_CORE]


def hosts_scale() -> None:
    """Bulk images/s on two hosts over one, in turn; the second one comes and goes."""
    with HostCluster() as hosts:
        hosts.start_head()
        hosts.join("host0", ONE_CORE[0])
        hosts.near_store(put_inputs)
        rates: dict[tuple[str, int], list[float]] = {}
        for turn in range(REPEATS):
            for num in (1, 2):
                more = hosts.join(f"more{turn}", ONE_CORE[1]) if num == 2 else None
                for words, own in ((GENERATE, ["--engines", str(num)]), (EDIT, [])):
                    output = hosts.run_command([*words, *own, "--out", f"{BUCKET}/{words[0]}-{num}-{turn}"], limit=LIMIT)
                    rates.setdefault((words[0], num), []).append(rate(output))
                    print(words[0], num, f"{rates[words[0], num][-1]:.1f} img/s", flush=True)
                if more:
                    more.kill()
                    wait_for(lambda: len(hosts.members()) == 2)
        for verb in ("generate", "edit"):
            one, two = (statistics.median(rates[verb, num]) for num in (1, 2))
            print(f"hosts-scale {verb}: {two:.1f} over {one:.1f} img/s: {two / one:.2f}", flush=True)


def train_hosts() -> None:
    """Images/s of a run on two hosts of one thread, over the bare loop on the same hosts."""
    with cluster() as (hosts, members):
        ours, bare = [], []
        hosts.run_command(["ingest", "--source", "sample:3072", "--resolution", "32", "--out", CATALOG])
        whole = bare_ranks.config(CATALOG)
        words = ["train", "--preset", bare_ranks.PRESET, "--catalog", CATALOG, "--workers", "2", "--threads", "1"]
        words += ["--min-workers", "1"]  # readers reserve no CPU then: there is none beside the workers'
        own = ["--batch", str(whole.batch), "--kimg", str(TRAINED / 1000), "--score.kimg", "0"]
        for turn in range(REPEATS):
            bare.append(_bare(hosts, members))
            out = f"{BUCKET}/run-{turn}"
            hosts.run_command([*words, *own, "--out", out], limit=LIMIT)
            ours.append(hosts.near_store(steady, out))
            print(f"train {ours[-1]:.1f}, bare {bare[-1]:.1f} img/s", flush=True)
        print(f"train-hosts: {statistics.median(ours) / statistics.median(bare):.3f}", flush=True)


def _bare(hosts: HostCluster, members: list[Host]) -> float:
    logs = [hosts.log("bare") for _ in members]
    processes = []
    for rank, (host, log) in enumerate(zip(members, logs, strict=True)):
        words = ["taskset", "--cpu-list", str(rank), sys.executable, "-m", "tests.cluster.bare_ranks"]
        with log.open("w") as output:
            command = [*words, str(rank), members[0].address, CATALOG, str(TRAINED)]
            processes.append(hosts.start(host, command, stdout=output, stderr=output, env={"GLOO_SOCKET_IFNAME": "eth0"}))
    for process, log in zip(processes, logs, strict=True):
        assert process.wait(LIMIT) == 0, log.read_text()
    return float(logs[0].read_text().splitlines()[-1])


def recover() -> None:
    """Seconds from the loss of a host to the next receipt, to the moment that the loss is known, and to the next steps of a training."""
    with Chaos() as chaos:
        for turn in range(REPEATS):
            received, known = _loss_in_bulk(chaos, turn)
            print(f"recover generate: next receipt {received:.1f} s, loss known and done again {known:.1f} s", flush=True)
        for turn in range(REPEATS):
            print(f"recover train: next steps {_loss_in_training(chaos, turn):.1f} s", flush=True)


def _loss_in_bulk(chaos: Chaos, turn: int) -> tuple[float, float]:
    """(Seconds to the next receipt, seconds until the lost shards are with others)."""
    with chaos.started("generate", f"{BUCKET}/loss-{turn}", 0.2) as (command, victim):
        store = chaos.cluster.near_store(open_store, command.mark)

        def receipts() -> int:
            return sum(1 for _ in store.list("receipts"))

        victim.kill()
        begun, before, received, known = time.monotonic(), chaos.cluster.near_store(receipts), 0.0, 0.0
        while not (received and known):
            if not received and chaos.cluster.near_store(receipts) > before + 1:  # one may have been on its way
                received = time.monotonic() - begun
            if not known and "worker was lost" in command.output():
                known = time.monotonic() - begun
            if time.monotonic() - begun > LIMIT or (command.process.poll() is not None and not known):
                raise TimeoutError(command.output())
        assert command.wait(LIMIT) == 0
        return received, known


def _loss_in_training(chaos: Chaos, turn: int) -> float:
    """Seconds until the command says the next steps, after those that it goes back by."""
    with chaos.started("train", f"{BUCKET}/loss-of-training-{turn}", 0.2) as (command, victim):
        victim.kill()
        begun = time.monotonic()
        time.sleep(1.0)  # what had been sent before is printed
        before = command.output().count("train: ")
        wait_for(lambda: command.output().count("train: ") > before or command.process.poll() is not None, command.log, LIMIT)
        seconds = time.monotonic() - begun
        assert command.wait(LIMIT) == 0, command.output()
        return seconds


def main(names: list[str]) -> None:
    measures: dict[str, Callable[[], None]] = {"hosts-scale": hosts_scale, "train-hosts": train_hosts, "recover": recover}
    for name in names or measures:
        begun = time.monotonic()
        measures[name]()
        print(f"{name} took {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(missing() or main(sys.argv[1:]))
