import json

from ganray.doctor.finding import note, ok, problem
from ganray.doctor.machine import Examination
from ganray.doctor.nodes import NodeAnswer
from ganray.doctor.page import WIDTH, Diagnosis, render_json, render_text

HERE = Examination(
    "box",
    "2 cores",
    {"torch": "2.13.0"},
    {},
    (ok("memory", "8 GiB"), note("disk", "little", "Free some"), problem("driver", "old", "Renew it")),
)
DIAGNOSIS = Diagnosis("0.1.0", "2026-11-30 12:00:00 UTC", HERE, (problem("store", "no " * 80, "Mend it"),), (ok("cluster", "none"),))


def test_problems_come_first_and_columns_are_aligned():
    lines = render_text(DIAGNOSIS).splitlines()
    assert lines[0] == "ganray 0.1.0 doctor, box, 2026-11-30 12:00:00 UTC: 2 PROBLEMS, 1 note"
    assert lines[3:5] == ["  PROBLEM  driver   old", "                    -> Renew it"]
    assert [line.split()[0] for line in lines[3:] if line[:3] in ("  P", "  n", "  o")] == ["PROBLEM", "PROBLEM", "note", "ok", "ok"]
    assert max(map(len, lines)) <= WIDTH
    assert lines[-2:] == ["cluster", "  ok       cluster  none"]


def test_a_machine_without_problems_says_so():
    fine = Diagnosis("0.1.0", "now", Examination("box", "", {}, {}, (ok("memory", "8 GiB"),)), cluster=(ok("cluster", "none"),))
    assert render_text(fine).splitlines()[0].endswith("now: no problem")


def test_the_json_has_each_node_s_lines():
    nodes = (NodeAnswer("box", here=True), NodeAnswer("w1", examination=HERE, clock=(0.12345, 0.1)), NodeAnswer("w2", error="gone"))
    facts = json.loads(render_json(Diagnosis("0.1.0", "now", HERE, nodes=nodes, place="cluster at x, 3 node(s)")))
    assert (facts["problems"], facts["notes"]) == (1, 1)
    assert facts["machine"]["findings"][2] == {"name": "driver", "state": "PROBLEM", "text": "old", "remedy": "Renew it"}
    assert [node["error"] for node in facts["cluster"]["nodes"]] == ["", "", "gone"]
    assert facts["cluster"]["nodes"][1]["clock_s"] == 0.123 and facts["cluster"]["nodes"][1]["versions"] == {"torch": "2.13.0"}
