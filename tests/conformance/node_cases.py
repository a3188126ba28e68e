"""The node tests of ONNX's own backend suite: models with inputs and the outputs expected.

The suite makes them in about ten seconds, so they are kept in a file under `build/`.
"""

from __future__ import annotations

import os
import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Case:
    """One test: a serialised model, pairs of (inputs, outputs), and tolerances."""

    name: str
    model: bytes
    data: list[tuple[list[Any], list[Any]]]
    rtol: float
    atol: float


def load_cases() -> dict[str, Case]:
    """All node tests by name, from the kept file where there is one."""
    path = ROOT / "build" / f"node-cases-{onnx.__version__}-{np.__version__}.pickle"
    if path.is_file():
        with path.open("rb") as file:
            return {c[0]: Case(*c) for c in pickle.load(file)}
    cases = _make_cases()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    rows = [(c.name, c.model, c.data, c.rtol, c.atol) for c in cases.values()]
    temporary.write_bytes(pickle.dumps(rows))
    temporary.replace(path)
    return cases


def _make_cases() -> dict[str, Case]:
    # Without this the loader refuses models of the operator set under development.
    os.environ["ALLOW_RELEASED_ONNX_OPSET_ONLY"] = "0"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests

        tests = load_model_tests(kind="node")
    cases = {}
    for test in tests:
        data = [([_plain(x) for x in i], [_plain(x) for x in o]) for i, o in test.data_sets]
        cases[test.name] = Case(
            test.name, test.model.SerializeToString(), data, test.rtol, test.atol
        )
    return cases


def _plain(value: Any) -> Any:
    """Protos as arrays, lists of them, or None."""
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, onnx.SequenceProto):
        return numpy_helper.to_list(value)
    if isinstance(value, onnx.OptionalProto):
        return numpy_helper.to_optional(value)
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value if value is None else np.asarray(value)
