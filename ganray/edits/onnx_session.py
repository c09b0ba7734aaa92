"""Opens an ONNX file in onnxruntime (extra `onnx`), on one thread of the caller's: the same picture has the same bits on any lane."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganray.errors import CheckpointError, ConfigError

TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
Array = NDArray[Any]


class OnnxSession:
    """A file that onnxruntime has loaded: `inputs` are its (name, numpy type, shape), a shape's -1 is free; `outputs` their names.

    Runs on the calling thread alone, in any number of threads at a time. GPUs are left alone: their bits differ from call to call.
    """

    def __init__(self, data: bytes, name: str) -> None:
        """Load the bytes of a file. Raises ConfigError without the extra `onnx`, CheckpointError for what is no ONNX file."""
        self.name = name
        runtime = _runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
        options.use_deterministic_compute = True
        options.log_severity_level = 4  # what is wrong is raised, too
        try:
            self._session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of onnxruntime's own tree, which has no base class of its own
            raise CheckpointError(
                f"{name} is no ONNX file that onnxruntime {runtime.__version__} can load: {first_line(error)}",
                "Export it again, as one file of standard operators",
            ) from error
        self.inputs = [(put.name, self._type(put.type), _shape(put.shape)) for put in self._session.get_inputs()]
        self.outputs = [put.name for put in self._session.get_outputs()]

    def run(self, output: str, feed: dict[str, Array]) -> Array:
        """The output of that name. Raises CheckpointError for what the network does not take."""
        try:
            (answer,) = self._session.run([output], feed)
        except Exception as error:
            shapes = ", ".join(f"{name} {by_x(array.shape)}" for name, array in feed.items())
            raise CheckpointError(
                f"{self.name} does not take a picture ({shapes}): {first_line(error)}", "Check size, layout and inputs of its row"
            ) from error
        return np.asarray(answer)

    def _type(self, name: str) -> type[np.generic]:
        if name not in TYPES:
            raise CheckpointError(f"{self.name} has an input of {name}", f"Export it with inputs of {', '.join(TYPES)}")
        return TYPES[name]


def by_x(shape: tuple[int, ...]) -> str:
    """A shape as `1x3x64x64`; free sides are `?`."""
    return "x".join("?" if side < 0 else str(side) for side in shape)


def first_line(error: Exception) -> str:
    """The first line of an error of onnxruntime, without its code and its place in the C++ sources."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    words = text.removeprefix("[ONNXRuntimeError]").split(" : ")
    return words[-1].rpartition(".cc:")[2].partition(" ")[2][:200] if ".cc:" in words[-1] else words[-1][:200]


def _shape(shape: list[int | str | None]) -> tuple[int, ...]:
    return tuple(side if isinstance(side, int) and side > 0 else -1 for side in shape)


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigError("own networks need onnxruntime, which is not installed", "Run pip install 'ganray[onnx]'") from error
    return onnxruntime
