"""What nodes differ in; with a real cluster: tests/on_ray/test_nodes.py."""

from dataclasses import replace

from ganray.doctor.finding import State, note, ok, problem
from ganray.doctor.machine import Examination
from ganray.doctor.nodes import NodeAnswer, cluster_findings

HERE = Examination("head", "2 cores, 8.0 GiB, no GPU", {"torch": "2.13.0", "python": "3.11.7"}, {"onnx": True, "ocr": False})
SLOW = note("shared memory", "/dev/shm 64 MiB", "--shm-size")


def answer(name, **changes):
    return NodeAnswer(name, examination=replace(HERE, host=name, **changes), clock=(0.1, 0.1))


def lines(*answers):
    return {each.name: each for each in cluster_findings(HERE, [NodeAnswer("head", here=True), *answers])}


def test_nodes_that_agree_are_two_lines_more_than_their_names():
    found = lines(answer("w1", findings=(ok("memory", "8 GiB"),)), answer("w2"))
    assert {each.state for each in found.values()} == {State.OK}
    assert found["nodes"].text == "head (this machine), w1, w2: 2 cores, 8.0 GiB, no GPU"
    assert found["versions"].text == "the same on 2 other node(s) as here"
    assert "2 other node(s) within 1 s" in found["clocks"].text


def test_a_cluster_of_this_machine_alone():
    assert list(lines()) == ["node"]


def test_other_software_is_a_problem():
    found = lines(answer("w1"), answer("w2", versions=HERE.versions | {"torch": "2.12.0"}))
    assert found["versions"] == problem("versions", "w2: torch 2.12.0, here 2.13.0", "Install the same on all hosts (or the same image)")


def test_an_extra_that_nodes_lack_is_told():
    assert lines(answer("w1", extras={"onnx": False, "ocr": False}))["extras"].text == "w1: without onnx, which this machine has"
    assert "extras" not in lines(answer("w1", extras={}))  # from sources: not known


def test_a_node_that_does_not_answer_is_a_problem():
    answers = [NodeAnswer("head", here=True), NodeAnswer("w1", error="no answer in 180 s"), NodeAnswer("w2", error="no answer in 180 s")]
    problems = [each for each in cluster_findings(HERE, answers) if each.state is State.PROBLEM]
    assert [each.text for each in problems] == ["w1, w2: no answer in 180 s"]


def test_a_clock_that_is_off_is_told():
    off = replace(answer("w1"), clock=(700.0, 0.1))
    assert lines(off, answer("w2"))["clocks"].state is State.PROBLEM


def test_lines_that_are_alike_are_one():
    found = lines(*(answer(f"w{number}", findings=(SLOW, ok("memory", "8 GiB"))) for number in range(9)))
    assert found["shared memory"].text == "w0, w1, w2, w3, w4, w5 and 3 more: /dev/shm 64 MiB"
    assert "memory" not in found


def test_gpus_that_ray_does_not_count_are_told():
    found = lines(replace(answer("w1", gpus=8), gpus=4.0), replace(answer("w2", gpus=1), gpus=1.0))
    assert found["Ray's GPUs"].text == "w1: Ray uses 4 of 8 GPUs"
    assert lines(replace(answer("w1", gpus=0), gpus=1.0))["Ray's GPUs"].text == "w1: Ray counts 1 GPUs, the driver 0"
