"""Writes a traced graph as an ONNX file: the same graph gives the same bytes, without paths of this machine and without a time."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

OPSET = 18  # the exporter's default; every onnxruntime since 1.14 (2023) runs it


def onnx_bytes(
    program: torch.export.ExportedProgram,
    inputs: Sequence[str],
    output: str,
    facts: Mapping[str, str],
    dynamic_shapes: Any = None,
) -> bytes:
    """The file of a traced graph (see `traced`), with names of its inputs and its output, and `facts` as its metadata."""
    with quiet():
        exported = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=[output],
            dynamic_shapes=dynamic_shapes,  # names the dynamic dimensions
            verbose=False,
        )
    assert exported is not None
    model = exported.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]
    for key, value in facts.items():
        model.metadata_props.add(key=key, value=value)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def traced(module: torch.nn.Module, example: tuple[torch.Tensor, ...], dynamic_shapes: Any = None) -> torch.export.ExportedProgram:
    """The graph of a module, without the paths of this machine that tracing records at every operation."""
    with quiet():
        program = torch.export.export(module, example, dynamic_shapes=dynamic_shapes)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    return program


@contextmanager
def quiet() -> Iterator[None]:
    """Hide warnings of torch's exporter: deprecations in its own code, and the missing torchvision."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
