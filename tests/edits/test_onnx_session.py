import sys

import numpy as np
import pytest

from ganray.edits.onnx_session import OnnxSession, by_x, first_line
from ganray.errors import CheckpointError, ConfigError
from tests.tools.onnx_files import FLOAT16, same

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def test_a_file_tells_what_it_takes():
    session = OnnxSession(same(16, FLOAT16), "it")
    assert (session.inputs, session.outputs) == ([("x", np.float16, (1, 3, 16, 16))], ["y"])
    x = np.arange(768, dtype=np.float16).reshape(1, 3, 16, 16)
    np.testing.assert_array_equal(session.run("y", {"x": x}), x.astype(np.float32))


@pytest.mark.parametrize("data", [b"", b"no model", b"<html>404</html>", same(16)[:60]], ids=["empty", "text", "page", "cut"])
def test_what_is_no_onnx_file_is_one_line(data):
    with pytest.raises(CheckpointError, match=r"a\.onnx is no ONNX file that onnxruntime .* can load: .*Export it again") as caught:
        OnnxSession(data, "a.onnx")
    assert "\n" not in str(caught.value)


def test_a_picture_that_is_not_taken_is_one_line():
    session = OnnxSession(same(16), "a.onnx")
    with pytest.raises(CheckpointError, match=r"a\.onnx does not take a picture \(x 1x3x8x8\): .*Check size, layout") as caught:
        session.run("y", {"x": np.zeros((1, 3, 8, 8), np.float32)})
    assert "\n" not in str(caught.value)


def test_an_input_of_another_type_is_refused():
    with pytest.raises(CheckpointError, match=r"has an input of tensor\(int32\)\. Export it with inputs of tensor\(float\)"):
        OnnxSession(same(16, 6), "a.onnx")


def test_without_the_extra_the_command_is_named(monkeypatch):
    data = same(16)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"own networks need onnxruntime, which is not installed\. Run pip install 'ganray\[onnx\]'"):
        OnnxSession(data, "a.onnx")


def test_a_shape_and_a_message_are_short():
    assert by_x((1, 3, -1, 640)) == "1x3x?x640"
    text = "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid dimensions for input: x\nmore"
    assert first_line(RuntimeError(text)) == "Got invalid dimensions for input: x"
    assert first_line(RuntimeError("")) == "RuntimeError"
