"""Small ONNX files for tests, each a few operators whose answer can be calculated by hand. Needs the package onnx."""

import hashlib
from pathlib import Path

import yaml

FLOAT, FLOAT16, UINT8 = 1, 10, 2  # onnx.TensorProto's numbers


def onnx_file(nodes, inputs, outputs, constants=None, kind=FLOAT):
    """Bytes of a graph: `nodes` are (operator, inputs, output, attributes); the others are shapes, and arrays."""
    from onnx import helper, numpy_helper

    made = [helper.make_node(operator, given, [output], **attributes) for operator, given, output, attributes in nodes]
    graph = helper.make_graph(
        made,
        "test",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


def same(size, kind=FLOAT, channels=3, nhwc=False):
    """What comes in, as float32."""
    shape = [1, size, size, channels] if nhwc else [1, channels, size, size]
    return onnx_file([("Cast", ["x"], "y", {"to": FLOAT})], {"x": shape}, {"y": shape}, kind=kind)


def first_channel(size, free=False):
    """The first channel of what comes in; `free` sides are not fixed."""
    import numpy as np

    side = ["h", "w"] if free else [size, size]
    return onnx_file(
        [("Slice", ["x", "start", "end", "axis"], "y", {})],
        {"x": [1, 3, *side]},
        {"y": [1, 1, *side]},
        {name: np.array([value]) for name, value in (("start", 0), ("end", 1), ("axis", 1))},
    )


def saturation(size):
    """The largest channel less the least one: a matte of coloured products."""
    import numpy as np

    axes = {"axes": np.array([1])}
    nodes = [("ReduceMax", ["x", "axes"], "most", {}), ("ReduceMin", ["x", "axes"], "least", {}), ("Sub", ["most", "least"], "y", {})]
    return onnx_file(nodes, {"x": [1, 3, size, size]}, {"y": [1, 1, size, size]}, axes)


def larger(size, factor=2):
    """Linear enlargement."""
    import numpy as np

    constants = {"scales": np.array([1, 1, factor, factor], np.float32)}
    nodes = [("Resize", ["x", "", "scales"], "y", {"mode": "linear"})]
    return onnx_file(nodes, {"x": [1, 3, size, size]}, {"y": [1, 3, factor * size, factor * size]}, constants)


def hears_quality(size, nhwc=False):
    """Each pixel four times, and the fourth channel added: an upscaler that is told what a JPEG has lost."""
    import numpy as np

    axis = 3 if nhwc else 1
    shapes = [[1, side, side, channels] if nhwc else [1, channels, side, side] for side, channels in ((size, 4), (2 * size, 3))]
    constants = {"scales": np.array([1, 2, 2, 1] if nhwc else [1, 1, 2, 2], np.float32)}
    constants |= {"start": np.array([0]), "three": np.array([3]), "four": np.array([4]), "axis": np.array([axis])}
    nodes = [
        ("Slice", ["x", "start", "three", "axis"], "picture", {}),
        ("Slice", ["x", "three", "four", "axis"], "plane", {}),
        ("Add", ["picture", "plane"], "sum", {}),
        ("Resize", ["sum", "", "scales"], "y", {"mode": "nearest"}),
    ]
    return onnx_file(nodes, {"x": shapes[0]}, {"y": shapes[1]}, constants)


def fills(size, level=64.0):
    """As LaMa: image 0..1 and mask in, image 0..255 out, with `level` in the hole and outside of it the image halved."""
    import numpy as np

    constants = {"half": np.float32([127.5]), "level": np.float32([level]), "one": np.float32([1])}
    nodes = [
        ("Mul", ["image", "half"], "levels", {}),
        ("Sub", ["one", "mask"], "known", {}),
        ("Mul", ["levels", "known"], "outside", {}),
        ("Mul", ["mask", "level"], "inside", {}),
        ("Add", ["outside", "inside"], "output", {}),
    ]
    return onnx_file(nodes, {"image": [1, 3, size, size], "mask": [1, 1, size, size]}, {"output": [1, 3, size, size]}, constants)


def logarithm(size, shift):
    """The logarithm of the picture's mean and `shift`: no number for pictures that are dark enough."""
    import numpy as np

    constants = {"axes": np.array([1, 2, 3]), "shift": np.float32([shift]), "none": np.float32([0]), "channel": np.array([1])}
    nodes = [
        ("ReduceMean", ["x", "axes"], "mean", {}),
        ("Add", ["mean", "shift"], "shifted", {}),
        ("Log", ["shifted"], "log", {}),
        ("ReduceMean", ["x", "channel"], "grey", {}),
        ("Mul", ["grey", "none"], "zeros", {}),
        ("Add", ["zeros", "log"], "y", {}),
    ]
    return onnx_file(nodes, {"x": [1, 3, size, size]}, {"y": [1, 1, size, size]}, constants)


def put_networks(folder, **tasks):
    """Write `networks.yaml` and its files: task=(bytes, row without place and digest); returns its path."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    for task, (data, row) in tasks.items():
        (folder / f"{task}.onnx").write_bytes(data)
        rows[task] = {"url": f"{task}.onnx", "sha256": hashlib.sha256(data).hexdigest()} | row
    (folder / "networks.yaml").write_text(yaml.safe_dump(rows))
    return str(folder / "networks.yaml")
