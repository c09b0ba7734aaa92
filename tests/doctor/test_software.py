import platform

import pytest

from ganray.doctor.finding import State
from ganray.doctor.software import disagreements, extras, extras_findings, has_extras, software_versions, version_findings
from ganray.execution.host import versions

HERE = {
    "python": "3.11.7",
    "ray": "2.60.0",
    "ganray": "0.1.0",
    "torch": "2.13.0",
    "pillow": "13.0.0",
    "numpy": "2.4.6",
    "pyarrow": "26.0.1",
}


def test_what_commands_compare_is_among_the_versions():
    found = software_versions()
    assert versions().items() <= found.items()
    assert found["python"] == platform.python_version() and found.keys() == HERE.keys()


@pytest.mark.parametrize(
    ("missing", "state", "remedy"),
    [([], State.OK, ""), (["ray"], State.NOTE, "--executor local"), (["pyarrow"], State.PROBLEM, "Install pyarrow")],
)
def test_what_is_missing_is_told(missing, state, remedy):
    (finding,) = version_findings(HERE | dict.fromkeys(missing, "missing"))
    assert finding.state is state and remedy in finding.remedy


def test_what_differs_is_named():
    assert disagreements(HERE, HERE) == []
    assert disagreements(HERE, HERE | {"torch": "2.12.0"}) == ["torch 2.12.0, here 2.13.0"]
    assert disagreements(HERE, {}) == [f"{name} missing, here {number}" for name, number in HERE.items()]


def test_an_extra_is_there_if_all_that_it_asks_for_is():
    asked = ["torch==2.13.0", 'onnx>=1.20; extra == "export"', "onnx-script>=0.7; extra == 'export'", 'wandb>=0.30; extra == "wandb"']
    assert has_extras(["export", "wandb"], asked, {"onnx", "onnx-script"}.__contains__) == {"export": True, "wandb": False}
    assert has_extras(["export"], asked, {"onnx"}.__contains__) == {"export": False}


def test_the_extras_of_this_installation_are_listed():
    found = extras()
    assert {"onnx", "c2pa", "features"} <= found.keys() and "dev" not in found
    assert extras_findings({}) == []
    (finding,) = extras_findings({"onnx": True, "ocr": False})
    assert finding.text == "onnx; without ocr"
