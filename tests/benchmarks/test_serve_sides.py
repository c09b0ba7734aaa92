import os
import subprocess
import sys
import time

import pytest

from ganray.benchmarks.load_generator import Load, Shot
from ganray.benchmarks.serve_sides import (
    Side,
    all_failures,
    children,
    free_port,
    in_turn,
    median,
    median_ratio,
    process_side,
    resident_bytes,
    row,
)

SERVER = """
import http.server, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Counted:
    def __init__(self, name, log):
        self.name, self.log = name, log

    def load(self, load):
        self.log.append((self.name, load.seconds, load.shots))
        return {"rate": float(len(self.log)), "failures": 1}


def test_sides_take_turns_and_each_is_warm_before():
    log = []
    rounds = in_turn([Counted("a", log), Counted("b", log)], Load(0, 3.0), 2, {"b": (Shot("/b"),)})
    assert [name for name, _, _ in log] == ["a", "b", "a", "b", "b", "a"]
    assert {seconds for _, seconds, _ in log[2:]} == {3.0}
    assert {shots[0].path for name, _, shots in log if name == "b"} == {"/b"}
    assert [list(reports) for reports in rounds] == [["a", "b"]] * 2
    assert median(rounds, "a", "rate") == 4.5 and all_failures(rounds) == 4
    assert median_ratio(rounds, "a", "b", "rate") == pytest.approx((3 / 4 + 6 / 5) / 2)


def test_a_row_has_the_ratio_of_the_rounds_where_it_is_given():
    assert row("x", 1.0, 2.0, "ms", a=1) == {"name": "x", "value": 1.0, "baseline": 2.0, "ratio": 0.5, "unit": "ms", "a": 1}
    assert row("x", 1.0, 2.0, "ms", ratio=0.7)["ratio"] == 0.7
    assert row("x", 1.0, 0.0, "ms")["ratio"] == float("inf")


def test_a_server_is_loaded_measured_and_ended_with_its_children():
    port = free_port()
    with process_side("x", [sys.executable, "-c", SERVER, str(port)], port) as side:
        report = side.load(Load(0, 0.2, 2, shots=(Shot("/", ""),)))
        pids = side.pids()
        assert report["failures"] == 0 and report["rate"] > 0
        assert len(pids) == 2 and side.resident() > sum(map(resident_bytes, pids[:1])) > 0
    assert not any(map(resident_bytes, pids))


def test_a_server_that_ends_before_it_listens_is_an_error():
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="x: the server ended"), process_side("x", [sys.executable, "-c", ""], free_port()):
        pass
    assert time.monotonic() - began < 30


def test_children_of_children_are_found():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert len(children(process.pid)) == 1 and process.pid in children(os.getpid())
        process.communicate(b"\n")
    assert children(process.pid) == [] and resident_bytes(process.pid) == 0


def test_a_side_is_a_value():
    assert Side("a", 1, list) == Side("a", 1, list)
