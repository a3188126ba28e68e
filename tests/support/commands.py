"""The command line in tests: in this process, which is quick, or as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper


@dataclass(frozen=True)
class Answer:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


def tyc(*arguments: object, **environment: str) -> Answer:
    """Runs `tyc` as a user does, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tyc.tools.tyc", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100", **environment},
        timeout=120,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def small_model(
    path: Path,
    *,
    shape: tuple[int | str, ...] = (2, 3),
    nodes: list[onnx.NodeProto] | None = None,
    arrays: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """An ONNX file: by default `y = relu(x @ w + b)` on x of 2x3."""
    rng = np.random.default_rng(0)
    if nodes is None:
        nodes = [
            helper.make_node("MatMul", ["x", "w"], ["xw"], name="product"),
            helper.make_node("Add", ["xw", "b"], ["sum"], name="shifted"),
            helper.make_node("Relu", ["sum"], ["y"], name="clipped"),
        ]
    if arrays is None:
        arrays = {
            "w": rng.standard_normal((3, 4)).astype(np.float32),
            "b": rng.standard_normal(4).astype(np.float32),
        }
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(a, n) for n, a in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path
