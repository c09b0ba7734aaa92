import contextlib
import http.server
import threading
import time
from email.utils import formatdate

import pytest

from ganray.doctor.clock import clock_findings, node_clock_findings, server_clock
from ganray.doctor.finding import State
from tests.tools.s3_server import free_ports


@contextlib.contextmanager
def serving(date, status=200):
    """An HTTP server whose answers have this Date header; None: without one."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response_only(status)
            if date is not None:
                self.send_header("Date", date)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("ahead", "status"), [(0, 200), (-600, 403), (3600, 200)])
def test_the_date_of_any_answer_counts(ahead, status):
    with serving(formatdate(time.time() - ahead, usegmt=True), status) as endpoint:
        found, unsure = server_clock(endpoint)
    assert abs(found - ahead) <= unsure + 0.1 and unsure < 5


@pytest.mark.parametrize("date", [None, "yesterday", ""])
def test_an_answer_without_a_date_says_nothing(date):
    with serving(date) as endpoint:
        assert server_clock(endpoint) is None


def test_a_server_that_does_not_answer_says_nothing():
    assert server_clock(f"http://127.0.0.1:{free_ports(1)[0]}") is None
    assert server_clock("http://") is None


@pytest.mark.parametrize(
    ("ahead", "unsure", "state", "words"),
    [
        (0.3, 0.5, State.OK, "within 1 s of the store"),
        (-8.0, 4.0, State.OK, "within 12 s"),
        (-30.0, 1.0, State.NOTE, "30.0 s behind the store"),
        (900.0, 1.0, State.PROBLEM, "900.0 s ahead of the store"),
    ],
)
def test_a_clock_is_judged_by_what_is_sure(ahead, unsure, state, words):
    (finding,) = clock_findings(ahead, unsure, "the store")
    assert finding.state is state and words in finding.text
    assert state is State.OK or "NTP" in finding.remedy


def test_nodes_whose_clocks_are_off_are_named():
    assert node_clock_findings({}) == []
    (fine,) = node_clock_findings({"a": (0.1, 0.2), "b": (-2.0, 0.1)})
    assert fine.state is State.OK and fine.text == "2 other node(s) within 2 s of this machine"
    (note,) = node_clock_findings({"a": (0.1, 0.2), "b": (-20.0, 0.1)})
    assert note.state is State.NOTE and note.text.endswith("b -20 s")
    (problem,) = node_clock_findings({"a": (3600.0, 0.2), "b": (0.0, 0.1)})
    assert problem.state is State.PROBLEM and problem.text.endswith("a +3,600 s")
