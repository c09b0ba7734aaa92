"""What happens to a host in the middle of a job, and what ganray promises then."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.chaos.jobs import JOBS
from tests.tools.cable import Cable
from tests.tools.host_cluster import WORKER, Command, HostCluster, Node
from tests.tools.hosts import Host, Size

STORE_AWAY, CONTROL_AWAY = 30.0, 5.0  # seconds
IDLE = Node(cpus=0)
OTHER_PROCESSOR = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}


VERBS = frozenset({*JOBS, "serve"})


@dataclass
class Scene:
    """A job that is at work, on a cluster of which `victim` is a host."""

    cluster: HostCluster
    victim: Host
    command: Command


@dataclass(frozen=True)
class Fault:
    """`inject` happens once the job is at work.

    `node` is what the victim is from the beginning, `at` what is there: workers, the command, or Ray's head. `survives` says that the
    command itself goes on; otherwise it ends with one line, and the same command, run again, finishes. `control` comes to Ray's own
    processes on a head whose bookkeeping outlives them (RocksDB); the command runs elsewhere. An endpoint that is `unshaken` drops nothing.
    """

    name: str
    inject: Callable[[Scene], None]
    node: Node = WORKER
    at: Literal["worker", "driver", "head", "control"] = "worker"
    survives: bool = True
    same_bytes: bool = True
    unshaken: bool = False
    verbs: frozenset[str] = VERBS


def kill(scene: Scene) -> None:
    scene.victim.kill()


def cut_for(seconds: float) -> Callable[[Scene], None]:
    """Pull the victim's cable for so long."""

    def inject(scene: Scene) -> None:
        scene.victim.cut()
        time.sleep(seconds)
        scene.victim.mend()

    return inject


def stop_store(scene: Scene) -> None:
    """The store does not answer for a while."""
    scene.cluster.store.freeze()
    time.sleep(STORE_AWAY)
    scene.cluster.store.thaw()


def fill_disk(scene: Scene) -> None:
    scene.victim.fill_disk()


def kill_decoders(scene: Scene) -> None:
    """Kill the processes that decode photos on the victim, as the kernel does when memory is short."""
    scene.victim.signal_processes("ganray.images.sandbox", signal.SIGKILL)


def drain(scene: Scene) -> None:
    """Stop Ray on the victim as the end of a pod does."""
    scene.victim.signal_processes("ray.scripts.scripts", signal.SIGTERM)


def join(scene: Scene) -> None:
    """One more host comes."""
    scene.cluster.join(f"{scene.victim.name}-more")


def restart_control(scene: Scene) -> None:
    """Ray on the head ends and comes back, as a pod does; its bookkeeping lies on a disk."""
    scene.cluster.stop_control()
    time.sleep(CONTROL_AWAY)
    scene.cluster.start_control(scene.cluster.durable())


def nothing(scene: Scene) -> None:
    """The victim is what it is."""


BULK = frozenset({"ingest", "generate", "edit"})
FAULTS = {
    fault.name: fault
    for fault in (
        Fault("host-killed", kill),
        Fault("link-cut-5s", cut_for(5.0)),
        Fault("link-cut-40s", cut_for(40.0)),
        Fault("slow-link", nothing, Node(cable=Cable(delay=0.3, loss=0.05)), unshaken=True),
        Fault("store-away", stop_store, unshaken=True),
        Fault("disk-full", fill_disk, Node(size=Size(disk=256))),
        Fault("decoders-killed", kill_decoders, verbs=frozenset({"ingest", "edit"})),
        Fault("host-drained", drain),
        Fault("host-joins", join, verbs=BULK | {"serve"}, unshaken=True),
        Fault("small-object-store", nothing, Node(object_store=80 << 20), unshaken=True),
        Fault("driver-killed", kill, IDLE, at="driver", survives=False),
        Fault("head-killed", kill, IDLE, at="head", survives=False),
        Fault("head-restarted", restart_control, IDLE, at="control"),
        Fault("other-processor", nothing, Node(env=OTHER_PROCESSOR), same_bytes=False),
    )
}
