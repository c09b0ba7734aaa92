"""A real S3-compatible server for tests: one-node Ceph (monitor, object daemon in memory, S3 gateway), on 127.0.0.1 unless told otherwise.

Debian packages: radosgw ceph-mon ceph-osd. Nothing of it survives: the data lie in memory, and the daemons end with the
process that started them, even a killed one. Run as a program, it prints the environment that a shell needs and stays; as an argument it
takes the address to listen on.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import botocore.session

PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin", "setpriv")
ACCESS_KEY, SECRET_KEY, BUCKET = "ganraytestkey", "ganraytestsecret", "ganray"

# Plain `none` authentication needs the monitor's client mode lowered with it, or the gateway waits for ever. Debian's compiled
# plugin folder is wrong. The short paxos intervals save seconds of start, tcp_nodelay saves 40 ms a request.
CONFIG = """
[global]
fsid = {fsid}
mon host = [v2:{address}:{mon_v2},v1:{address}:{mon_v1}]
mon initial members = a
public network = {address}/8
cluster network = {address}/8
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc secure
ms mon cluster mode = crc secure
ms mon service mode = crc secure
run dir = {folder}
admin socket =
log file = {folder}/$name.log
mon cluster log file = {folder}/cluster.log
crash dir = {folder}
plugin dir = /usr/lib/x86_64-linux-gnu/ceph
erasure code dir = /usr/lib/x86_64-linux-gnu/ceph/erasure-code
osd class dir = /usr/lib/x86_64-linux-gnu/rados-classes
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
osd crush chooseleaf type = 0
osd pool default pg num = 8
osd pool default pgp num = 8
mon max pg per osd = 500
mon data avail warn = 2
mon data avail crit = 1
[mon]
mon data = {folder}/mon
paxos propose interval = 0.05
paxos min wait = 0.01
[mon.a]
host = localhost
[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd op num shards = 2
osd max object name len = 1024
[client]
rgw frontends = beast endpoint={address}:{port} tcp_nodelay=1
rgw relaxed region enforcement = true
rgw dynamic resharding = false
rgw thread pool size = 32
"""


def missing() -> str:
    """Why the server cannot run here; empty where it can."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"no {', '.join(absent)} here: apt-get install radosgw ceph-mon ceph-osd" if absent else ""


@contextlib.contextmanager
def running(address: str = "127.0.0.1") -> Iterator[dict[str, str]]:
    """Start the server with an empty bucket; yields the environment variables that lead an S3 client to it. About 4 s."""
    folder = Path(tempfile.mkdtemp(prefix="ganray-s3-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield start(folder, stack, address)


def start(folder: Path, stack: contextlib.ExitStack, address: str = "127.0.0.1") -> dict[str, str]:
    """Start the three daemons one after the other; what ends them is left on the stack."""
    port, mon_v1, mon_v2 = free_ports(3, address)
    config, fsid = folder / "ceph.conf", str(uuid.uuid4())
    config.write_text(CONFIG.format(folder=folder, address=address, fsid=fsid, port=port, mon_v1=mon_v1, mon_v2=mon_v2))
    (folder / "osd").mkdir()
    addresses = f"[v2:{address}:{mon_v2},v1:{address}:{mon_v1}]"

    def call(program: str, *arguments: str) -> str:
        command = [program, "-c", str(config), *arguments]
        return subprocess.run(command, check=True, text=True, capture_output=True, timeout=60).stdout

    def daemon(program: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = ["setpriv", "--pdeathsig", "KILL", program, "-f", "-c", str(config), *arguments]
        with (folder / f"{program}.out").open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, start_new_session=True)
        stack.callback(end, process)
        return process

    subprocess.run(["monmaptool", "--create", "--fsid", fsid, "--addv", "a", addresses, folder / "monmap"], check=True, capture_output=True)
    call("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(folder / "monmap"))
    wait_for(daemon("ceph-mon", "-i", "a"), lambda: answers(mon_v1, address))
    osd = str(uuid.uuid4())
    call("ceph", "osd", "new", osd)
    call("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
    wait_for(daemon("ceph-osd", "-i", "0"), lambda: json.loads(call("ceph", "osd", "stat", "-f", "json"))["num_up_osds"] == 1)
    wait_for(daemon("radosgw", "-n", "client.rgw.a"), lambda: answers(port, address))
    user = ["--uid", "ganray", "--display-name", "ganray", "--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY]
    call("radosgw-admin", "user", "create", *user)
    endpoint = f"http://{address}:{port}"
    make_bucket(endpoint)
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
        "CEPH_CONF": str(config),  # for radosgw-admin, by which a user's key and quota are changed
    }


def make_bucket(endpoint: str) -> None:
    """Create the test bucket, with the client that every AWS user has."""
    client = botocore.session.Session().create_client(
        "s3", "us-east-1", endpoint_url=endpoint, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY
    )
    client.create_bucket(Bucket=BUCKET)
    client.close()


def free_ports(number: int, address: str = "127.0.0.1") -> list[int]:
    """Ports of an address of this machine that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind((address, 0))
        return [each.getsockname()[1] for each in sockets]


def answers(port: int, address: str = "127.0.0.1") -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def wait_for(process: subprocess.Popen[bytes], ready: Callable[[], bool], limit: float = 60.0) -> None:
    """Wait until a daemon is ready; raises RuntimeError where it ends or takes too long."""
    deadline = time.monotonic() + limit
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{' '.join(process.args)} is not ready (exit status {process.returncode})")  # type: ignore[arg-type]
        time.sleep(0.05)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a daemon; what it holds is in memory and not wanted any more."""
    process.kill()
    process.wait()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    with running(*sys.argv[1:]) as environment:
        for name, value in environment.items():
            print(f"export {name}={value}", flush=True)
        print(f"# s3://{BUCKET}/ is served; end with control-C", flush=True)
        while True:
            signal.pause()
