"""Real models: simplified they say the same, and no transpose stands between two convolutions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import steps
import zoo
from mlir import ir
from programs import random_inputs

import tyc.onnx
from tyc.compiler.options import Options
from tyc.compiler.pipeline import Compilation
from tyc.compiler.targets import host
from tyc.compiler.transforms.layout_rules import WINDOWS, rule_of
from tyc.compiler.transforms.simplify import simplify
from tyc.dialects import interpreter
from tyc.dialects.program import Program

MODELS = {m.name: m for m in [*zoo.package_models(), *zoo.torch_models()]}
SMALL = ("ppocr_cls", "silero_vad", "magika", "mobilenet_v2")
# Moves that are left: of the input, and of channels that are shuffled or normalised.
TRANSPOSES = {
    "ppocr_cls": 1, "ppocrv4_det": 1, "silero_vad": 0, "mobilenet_v2": 1, "resnet18": 1,
    "resnet50": 1, "unet_small": 2, "light_squeezenet": 1, "light_densenet121": 1,
    "light_inception_v1": 1, "light_shufflenet": 17,
}  # fmt: skip
# Their local response norms need the natural order until they are expanded.
EXPANDED = ("light_inception_v1",)
# Kernels that only move: places in a stride that go between pixels, a result in its own order,
# concatenations that several kernels read.
MOVES = {
    "ppocr_cls": 0, "ppocrv4_det": 2, "magika": 0, "silero_vad": 2, "mobilenet_v2": 0,
    "resnet18": 0, "unet_small": 4, "light_squeezenet": 3,
}  # fmt: skip


def program_of(name: str) -> Program:
    """The model as imported; skips where it is not on this machine."""
    model = MODELS[name]
    if not model.exists:
        pytest.skip(f"{model.path} is not there")
    return tyc.onnx.load(model.path, model.shapes or None)


@pytest.mark.parametrize("name", SMALL)
def test_outputs_stay(name: str) -> None:
    made = program_of(name)
    with made.module.context, ir.Location.unknown():
        arrays = random_inputs(made)
        before = interpreter.run(made, arrays)
        simplify(made, Options())
        assert made.module.operation.verify()
        for x, y in zip(before, interpreter.run(made, arrays), strict=True):
            assert np.abs(x - y).max() <= 1e-5 * max(1, np.abs(x).max())


@pytest.mark.parametrize("name", TRANSPOSES)
def test_few_transposes(name: str) -> None:
    made = program_of(name)
    stage = "expand" if name in EXPANDED else "simplify"
    Compilation(made, host(), Options()).run_program_stages(stop=stage)
    with made.module.context, ir.Location.unknown():
        found = Counter(o.name for o in made.operations())
        assert found["ty.transpose"] == TRANSPOSES[name]
        assert found["ty.batch_norm"] == 0
        for operation in made.operations():
            if operation.name == "ty.transpose" and name != "light_shufflenet":
                assert not (_meets(operation, True) and _meets(operation, False)), operation


@pytest.mark.parametrize("name", MOVES)
def test_few_kernels_that_only_move(name: str) -> None:
    made = program_of(name)
    Compilation(made, host(), Options()).run_program_stages()
    with made.module.context:
        moves = [s.names for s in steps.steps_of(made) if s.moves]
        assert len(moves) <= MOVES[name], moves


def _meets(operation: ir.Operation, up: bool) -> bool:
    """Whether a window op is reached through ops that have no order of their own."""
    pending, seen = [operation], set()
    while pending:
        current = pending.pop()
        values = current.operands if up else current.results
        for value in values:
            if up:
                owners = [] if isinstance(value.owner, ir.Block) else [value.owner.operation]
            else:
                owners = [use.owner.operation for use in value.uses]
            for owner in owners:
                name = owner.name.removeprefix("ty.")
                if name in WINDOWS:
                    return True
                if (
                    not len(owner.results)
                    or owner.results[0] in seen
                    or owner.name == "func.return"
                ):
                    continue
                seen.add(owner.results[0])
                if rule_of(name) is not None:
                    pending.append(owner)
    return False
